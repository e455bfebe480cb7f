"""Forget what is old, a few at a time, so that nobody who is at work has to wait for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from claude_gateway.errors import GatewayError
from claude_gateway.stores import Store

log = logging.getLogger(__name__)

AT_ONCE = 200
PAUSE = 0.05  # seconds between two bites
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that things are kept; 0 is for ever. `every` is the time between two looks."""

    sessions: float = 0.0
    events: float = 7 * DAY
    replays: float = DAY
    audit: float = 90 * DAY
    every: float = 3600.0


async def forget(store: Store, keep: Retention, now: float) -> int:
    """Forget what is older than it may be; return how many things went."""
    gone = 0
    for prune, age in (
        (store.prune_events, keep.events),
        (store.prune_replays, keep.replays),
        (store.prune_sessions, keep.sessions),
        (store.prune_audit, keep.audit),
    ):
        if age:
            gone += await _bite_by_bite(prune, now - age)
    return gone


@asynccontextmanager
async def forgetting(store: Store, keep: Retention) -> AsyncGenerator[None]:
    """Forget again and again, until left."""
    task = asyncio.create_task(_forget_for_ever(store, keep))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _forget_for_ever(store: Store, keep: Retention) -> None:
    while True:
        try:
            if gone := await forget(store, keep, time.time()):
                log.info("forgot what was old", extra={"things": gone})
        except GatewayError as exc:
            log.warning("what is old could not be forgotten", extra={"code": exc.code})
        except Exception:
            log.exception("what is old could not be forgotten")
        await asyncio.sleep(keep.every)


async def _bite_by_bite(prune: Callable[[float, int], Awaitable[int]], before: float) -> int:
    gone = 0
    while bite := await prune(before, AT_ONCE):
        gone += bite
        await asyncio.sleep(PAUSE)
    return gone
