"""How late the event loop is: what waits for it waits as long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from prometheus_client import Histogram

EVERY = 0.5  # seconds


@asynccontextmanager
async def measured(lag: Histogram) -> AsyncGenerator[None]:
    """Wake up again and again, and note how much later that was than asked for."""
    task = asyncio.create_task(_measure(lag))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _measure(lag: Histogram) -> None:
    while True:
        due = time.monotonic() + EVERY
        await asyncio.sleep(EVERY)
        lag.observe(max(0.0, time.monotonic() - due))
