"""Between two calls of a model: decide what is asked next, and show what is done meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

from claude_gateway.engine.deadline import in_time
from claude_gateway.engine.news import News
from claude_gateway.engine.rounds import Rounds, Turn
from claude_gateway.types.events import Event
from claude_gateway.types.requests import ModelRequest

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds in which whoever is at work has to keep what it did, when it is stopped


class Between:
    """Decides once; `request` is what is asked next, None until then and when the turn is over."""

    def __init__(self, turn: Turn, rounds: Rounds) -> None:
        self.request: ModelRequest | None = None
        self._turn = turn
        self._rounds = rounds

    async def events(self) -> AsyncGenerator[Sequence[Event]]:
        """Yield what is done until it is decided. Closing this stops whoever is at work."""
        news = self._turn.news = News()
        task = asyncio.ensure_future(decided(self._turn, self._rounds))
        task.add_done_callback(lambda _: news.close())
        try:
            while batch := await news.next():
                yield batch
            self.request = task.result()
        finally:
            self._turn.news = None
            await _stopped(task, self._turn)
            del task  # its error refers to this frame


async def decided(turn: Turn, rounds: Rounds) -> ModelRequest | None:
    """Return what is asked next, by the turn's deadline."""
    return await in_time(lambda: rounds.following(turn), turn.run.deadline)


async def _stopped(task: asyncio.Task[ModelRequest | None], turn: Turn) -> None:
    """Wait until nothing is at work any more."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
    if not task.done():
        log.warning("a turn's tools do not stop", extra={"run": turn.run.id})
    elif not task.cancelled():
        task.exception()  # whoever closed this has another reason to tell
