"""A turn in one of OpenAI's dialects that is kept: in a session, or as a run by itself."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import ClassVar, Protocol

from aiohttp import web

from claude_gateway.conversations.history import Turn, blocks, open_calls
from claude_gateway.conversations.joining import Joined, join, past_tools, with_tools
from claude_gateway.conversations.opening import Opening, prompt_of, without_thinking
from claude_gateway.conversations.window import check_window
from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects.openai.params import Translated, Whole
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.engine.calls import Asking
from claude_gateway.engine.pauses import PAUSES
from claude_gateway.engine.rounds import Rounds
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.models.catalogue import Resolved
from claude_gateway.runs.claims import Claim
from claude_gateway.runs.kept import Kept
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.work import Work
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import RunRecord
from claude_gateway.types.values import replaced
from claude_gateway.web.gateway import GATEWAY, begin_run
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.links import fetch_links
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.standins import stand_ins
from claude_gateway.web.turn_places import opening_of
from claude_gateway.web.turn_tools import TurnTools, turn_tools
from claude_gateway.web.turns import Wish, begun, record_of, start_of
from claude_gateway.web.wanted import Wanted


class Asked(Protocol):
    """What a request asks for, whatever the model."""

    @property
    def fields(self) -> Mapping[str, object]: ...

    @property
    def model(self) -> str | None: ...

    @property
    def stream(self) -> bool: ...

    @property
    def affinity(self) -> str: ...


class _Inside:
    """The same inside, where every kept run is a stream, and a session stays with one account."""

    stream = True

    def __init__(self, affinity: str) -> None:
        self.affinity = affinity


class _Kept(Wanted):
    """The history is the gateway's to send, so it may leave thinking out."""

    may_forget = True


class KeptTurn(ABC):
    """One request on its way to a run; what a dialect does in its own way is abstract."""

    dialect: ClassVar[str]
    parks: ClassVar[bool] = False  # whether its turns can wait for approvals
    new_system: ClassVar[bool] = False  # whether what the system says replaces what it said before

    def __init__(self, request: web.Request, asked: Asked, about: SessionFields) -> None:
        self.request = request
        self.about = about
        self.gateway = request.app[GATEWAY]
        self.created = int(time.time())
        self.auto_cache = self.gateway.settings[AUTO_CACHE]
        self.headers: dict[str, str] = {}
        self.tools: TurnTools | None = None
        self.looped: ToolRounds | None = None
        self._asked = asked
        self._inside = _Inside(about.session_id or asked.affinity)

    @abstractmethod
    def talk(self, model: ModelInfo, open_calls: Sequence[str]) -> Conversation:
        """Read what the request says; `open_calls` were made by the answer before."""

    @abstractmethod
    def translate(self, model: ModelInfo, whole: Whole | None) -> Translated:
        """Translate the request, with the whole conversation when it joins one."""

    @property
    def own(self) -> Sequence[Mapping[str, object]]:
        """The tools that the gateway runs in this turn, as models are told of them."""
        return self.tools.definitions if self.tools is not None else ()

    @abstractmethod
    def brings_results_alone(self) -> bool:
        """Whether the request answers calls of the stored history, without repeating it."""

    @abstractmethod
    def work(
        self,
        run: Run,
        batches: AsyncGenerator[Sequence[Event]],
        wanted: Wanted,
        session: Session | None,
    ) -> Work:
        """Return the work, with this dialect's frames and reply."""

    async def begin(self, claim: Claim | None, wish: Wish) -> LiveRun | RunRecord:
        """Store the start of the turn, and let it run."""
        await fetch_links(self.request, self._asked.fields)
        opening = await self._opening()
        session = opening.session if opening is not None else None
        self.tools = await turn_tools(self.request, self._asked.fields, session, parks=self.parks)
        known = opening.session.model if opening is not None else None
        resolved = resolved_for(self.request, self._asked.model or known)
        joined: Joined | None = None
        if opening is None:
            wanted = self._wanted(None)
            call = wanted.of(resolved)
        else:
            joined, wanted, call = self._joined(opening, resolved)
            check_window(joined.session, joined.fresh, resolved.model)
        run = begin_run(self.request, resolved, stream=self._asked.stream)
        self.headers |= {**notes(resolved), **wanted.headers}
        record = record_of(self.request, run, wish, self.dialect, joined)
        start = start_of(record, opening, joined, wish.replay(self.request, run.id))
        others = stand_ins(self.request, resolved, wanted.of)
        rounds = self._rounds(run, wanted)
        if self.looped is not None and not call.affinity:
            call = replaced(call, affinity=run.id)
        batches = self.gateway.engine.stream(resolved.backend, call, run, others, rounds)
        session = joined.session if joined is not None else None
        work = replaced(self.work(run, batches, wanted, session), kept=self._kept)
        return await begun(self.request, start, work, claim, Asking(resolved.backend, call, others))

    def _rounds(self, run: Run, wanted: Wanted) -> Rounds:
        if self.tools is None:
            return PAUSES
        self.looped = self.tools.rounds(run, wanted.translated.owned, parks=self.parks)
        return self.looped

    def _kept(self) -> Kept:
        """Return what of the answer is in the conversation already."""
        return self.looped.memory.kept if self.looped is not None else Kept()

    async def _opening(self) -> Opening | None:
        if self.about.session_id is None:
            return None
        opening = await opening_of(self.request, self.about)
        prompt = self._asked.fields.get("system_prompt")
        if isinstance(prompt, str) and prompt.strip() and opening.session.system is None:
            return replaced(opening, session=replaced(opening.session, system_prompt=prompt))
        return opening

    def _joined(self, opening: Opening, resolved: Resolved) -> tuple[Joined, Wanted, ModelRequest]:
        """Let the request join the session; with other tools than before, thinking is left out."""
        tried = self._tried(opening, resolved)
        before = opening.session.tools
        if before is not None and tried[0].session.tools != before:
            return self._tried(without_thinking(opening), resolved)
        return tried

    def _tried(self, opening: Opening, resolved: Resolved) -> tuple[Joined, Wanted, ModelRequest]:
        alone = self.brings_results_alone()
        talk = self.talk(resolved.model, open_calls(opening.told) if alone else ())
        said = [Turn(str(m["role"]), blocks(m["content"])) for m in talk.messages]
        system = talk.system
        if opening.session.system is None and not self._asked.fields.get("system_prompt"):
            system = [*prompt_of(opening.session), *system]
        joined = join(
            opening,
            said,
            system,
            resolved.model,
            self.gateway.ids.message,
            new_system=self.new_system,
        )
        past = past_tools(opening.session, joined.told)
        wanted = self._wanted((joined, talk, past))
        call = wanted.of(resolved)
        if wanted.translated.words:
            joined = joined.saying(wanted.translated.words)
            wanted = self._wanted((joined, talk, past))
            call = wanted.of(resolved)
        return with_tools(joined, wanted.translated.params, past), wanted, call

    def _wanted(self, joins: tuple[Joined, Conversation, Sequence[object]] | None) -> Wanted:
        return _Kept(self.request, self._inside, partial(self._translated, joins))

    def _translated(
        self, joins: tuple[Joined, Conversation, Sequence[object]] | None, model: ModelInfo
    ) -> Translated:
        if joins is None:
            return self.translate(model, None)
        joined, talk, past = joins
        system = [dict(block) for block in joined.system]
        talk = replaced(talk, system=system, messages=joined.messages(model))
        return self.translate(model, Whole(talk, past))
