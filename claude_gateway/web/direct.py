"""A turn in one of OpenAI's dialects that lasts as long as its connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

from aiohttp import web

from claude_gateway.dialects.openai.params import Translated
from claude_gateway.engine.pauses import PAUSES
from claude_gateway.engine.rounds import Rounds
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import Answer
from claude_gateway.web.gateway import GATEWAY, REQUEST_ID, begin_run
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.standins import stand_ins
from claude_gateway.web.turn_tools import TurnTools
from claude_gateway.web.wanted import Asked, Wanted


class Direct(Wanted):
    """The turn is asked of the model, or of others in its place; `run` is its account."""

    def __init__(
        self,
        request: web.Request,
        asked: Asked,
        resolved: Resolved,
        translate: Callable[[ModelInfo], Translated],
        tools: TurnTools | None = None,
    ) -> None:
        """`tools` are those that the gateway runs, which `translate` must offer."""
        super().__init__(request, asked, translate)
        if tools is not None:
            self.may_forget = True
            self.affinity = self.affinity or request[REQUEST_ID]
        self._engine = request.app[GATEWAY].engine
        self._resolved = resolved
        self._call = self.of(resolved)
        self._others = stand_ins(request, resolved, self.of)
        self.headers.update(notes(resolved))
        self.run = begin_run(request, resolved, stream=asked.stream)
        self.looped = None if tools is None else tools.rounds(self.run, self.translated.owned)
        self._rounds: Rounds = self.looped or PAUSES

    def answer(self) -> Coroutine[Any, Any, Answer]:
        """Ask for the answer in one piece."""
        backend = self._resolved.backend
        return self._engine.complete(backend, self._call, self.run, self._others, self._rounds)

    def batches(self) -> AsyncGenerator[Sequence[Event]]:
        """Ask for the answer as a stream."""
        backend = self._resolved.backend
        return self._engine.stream(backend, self._call, self.run, self._others, self._rounds)
