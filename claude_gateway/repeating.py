"""What is done again and again in the background, for as long as something else lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def repeated(act: Callable[[], Awaitable[None]], every: float) -> AsyncGenerator[None]:
    """Act every so many seconds, until left, and once more then. What has begun is not broken off."""
    leaving = asyncio.Event()
    task = asyncio.create_task(_act_until(leaving, act, every))
    try:
        yield
    finally:
        leaving.set()
        await task
        await act()


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Do something that has no end of its own, until left."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _act_until(
    leaving: asyncio.Event, act: Callable[[], Awaitable[None]], every: float
) -> None:
    while not leaving.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(every):
                await leaving.wait()
                return
        await act()
