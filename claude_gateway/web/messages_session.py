"""POST /v1/messages in a session, or with a run that is kept for another reason.

The session is named in a header, for the body is Anthropic's. A client that sends the whole history
has its bytes passed on as they are; one that sends what is new is given the stored history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from aiohttp import web

from claude_gateway.conversations.history import Turn, blocks
from claude_gateway.conversations.joining import Joined, join, past_tools, with_tools
from claude_gateway.conversations.opening import Opening, prompt_of, without_thinking
from claude_gateway.conversations.window import check_window
from claude_gateway.dialects import kept
from claude_gateway.dialects.anthropic import request as native
from claude_gateway.dialects.exact import parsed
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.dialects.visible import NOBODYS
from claude_gateway.engine.calls import Asking
from claude_gateway.engine.thinking import binds
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.models.catalogue import Resolved
from claude_gateway.runs.claims import Claim
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.work import Work
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.gateway import GATEWAY, begin_run
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.native_calls import call_of, others_of
from claude_gateway.web.native_tools import NativeTools, decides, native_tools
from claude_gateway.web.parking import parked
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.turn_places import named, opening_of
from claude_gateway.web.turn_tools import wants_events
from claude_gateway.web.turns import (
    Wish,
    begun,
    record_of,
    serve_turn,
    start_of,
)
from claude_gateway.web.views import View


async def kept_messages(
    request: web.Request, asked: native.MessagesRequest, about: SessionFields
) -> web.StreamResponse:
    """Answer with a run that outlives the connection."""
    about = named(request, about)
    turn = _NativeTurn(request, asked, about)
    fail = partial(kept.ended, kept.ANTHROPIC)
    return await serve_turn(
        request, Wish(about, asked.stream, turn.begin, turn.headers, fail, asked.body)
    )


class _NativeTurn:
    def __init__(
        self, request: web.Request, asked: native.MessagesRequest, about: SessionFields
    ) -> None:
        self._request = request
        self._asked = asked
        self._about = about
        self._gateway = request.app[GATEWAY]
        self._tools: NativeTools | None = None
        self.headers: dict[str, str] = {}

    async def begin(self, claim: Claim | None, wish: Wish) -> LiveRun | RunRecord:
        """Store the start of the turn, and let it run."""
        resolved = resolved_for(self._request, self._asked.model)
        run = begin_run(self._request, resolved, stream=self._asked.stream)
        self.headers |= notes(resolved)
        opening: Opening | None = None
        joined: Joined | None = None
        if self._about.session_id is not None:
            opening = await opening_of(self._request, self._about)
        session = opening.session if opening is not None else None
        self._tools = await native_tools(self._request, self._asked, session, parks=True)
        self.headers |= self._tools.headers if self._tools is not None else {}
        call = call_of(self._request, self._asked, resolved, self._tools)
        if opening is not None:
            joined = self._joined(opening, resolved)
            check_window(joined.session, joined.fresh, resolved.model)
            call = self._with_history(call, opening, joined, resolved)
        record = record_of(self._request, run, wish, kept.ANTHROPIC, joined)
        start = start_of(record, opening, joined, wish.replay(self._request, run.id))
        asking = self._asking(resolved, call)
        return await begun(self._request, start, self._work(run, asking), claim, asking)

    def _joined(self, opening: Opening, resolved: Resolved) -> Joined:
        """Let the request join the session; with other tools than before, thinking is left out."""
        tried, before = self._tried(opening, resolved), opening.session.tools
        if before is not None and tried.session.tools != before:
            return self._tried(without_thinking(opening), resolved)
        return tried

    def _tried(self, opening: Opening, resolved: Resolved) -> Joined:
        body = self._body()
        said = [
            Turn(str(m.get("role")), blocks(m.get("content")))
            for m in body["messages"]
            if isinstance(m, dict)
        ]
        system = blocks(body.get("system"))
        if opening.session.system is None and not _is_whole(body):
            system = [*prompt_of(opening.session), *system]
        joined = join(opening, said, system, resolved.model, self._gateway.ids.message)
        return with_tools(joined, body, None)

    def _with_history(
        self, call: ModelRequest, opening: Opening, joined: Joined, resolved: Resolved
    ) -> ModelRequest:
        """Put what is stored in front, unless the client has sent it."""
        body = self._body()
        call = replace(call, affinity=opening.session.id)
        known = opening.told or joined.system != blocks(body.get("system"))
        ran = any(turn.ran for turn in joined.told)  # which the client has not seen
        if not known or (_is_whole(body) and not ran):
            return call
        params = {key: value for key, value in _without(body).items() if key != "system"}
        if joined.system:
            params["system"] = list(joined.system)
        past = past_tools(opening.session, joined.told)
        if past and not params.get("tools"):
            params |= {"tools": past, "tool_choice": {"type": "none"}}
        params["messages"] = joined.messages(resolved.model)
        return replace(
            call,
            params=params,
            raw=None,
            binds_thinking=binds(resolved.model),
            may_forget=not decides(body),
        )

    def _body(self) -> dict[str, Any]:
        """Return the request's fields exactly, with the gateway's tools where it runs any."""
        return parsed(self._asked.body) if self._tools is None else {**self._tools.fields}

    def _asking(self, resolved: Resolved, call: ModelRequest) -> Asking:
        others = others_of(self._request, self._asked, resolved) if call.raw is not None else ()
        if not self._asked.stream and call.raw is not None:  # inside, every kept run is a stream
            call = replace(call, params=_without(parsed(self._asked.body)), raw=None)
        return Asking(resolved.backend, replace(call, stream=True), others)

    def _work(self, run: Run, asking: Asking) -> Work:
        rounds = self._tools.rounds(run, parks=True) if self._tools is not None else None
        own = self._tools.own if self._tools is not None else NOBODYS
        view = View(kept.ANTHROPIC, own=own, events=wants_events(self._request))

        async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
            return view.whole(self._gateway, run, message)

        batches = self._gateway.engine.stream(
            asking.backend, asking.request, run, asking.alternatives, rounds
        )
        work = Work(
            run,
            batches,
            view.encoder(self._gateway, run),
            self._gateway.ids.message(),
            None if self._asked.stream else reply,
        )
        return work if rounds is None else self._waiting(work, rounds, view)

    def _waiting(self, work: Work, rounds: ToolRounds, view: View) -> Work:
        """Return the work of a turn that keeps its rounds, and may have to wait for somebody."""
        scope = self._tools.scope() if self._tools is not None else None
        work = replace(work, kept=lambda: rounds.memory.kept)
        if scope is None:
            return work
        return replace(work, parked=partial(parked, rounds, scope, view, work.message_id))


def _is_whole(body: Mapping[str, Any]) -> bool:
    """Whether the client has sent the whole history: it holds turns of the assistant's."""
    return any(m.get("role") == "assistant" for m in body["messages"] if isinstance(m, dict))


def _without(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if key not in ("model", "stream")}
