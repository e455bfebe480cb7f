"""POST /v1/chat/completions in a session, or with a run that is kept for another reason."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from aiohttp import web

from claude_gateway import sse
from claude_gateway.conversations.history import Turn, blocks, calls
from claude_gateway.conversations.joining import Joined, join, past_tools, with_tools
from claude_gateway.conversations.opening import Opening, without_thinking
from claude_gateway.conversations.window import check_window
from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects import kept
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.endings import session_usage
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.openai.stream import ChatStream, Extras
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.models.catalogue import Resolved
from claude_gateway.runs.claims import Claim
from claude_gateway.runs.live import LiveRun, Work
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import RunRecord
from claude_gateway.types.usage import Usage
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, begin_run
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.links import fetch_links
from claude_gateway.web.standins import stand_ins
from claude_gateway.web.turns import (
    Wish,
    named,
    opening_of,
    record_of,
    serve_turn,
    start_of,
    the_runs,
)
from claude_gateway.web.wanted import Wanted


async def kept_chat(
    request: web.Request, body: bytes, asked: chat.ChatRequest, about: SessionFields
) -> web.StreamResponse:
    """Answer with a run that outlives the connection."""
    about = named(request, about)
    turn = _ChatTurn(request, asked, about)
    fail = partial(kept.ended, kept.OPENAI)
    wish = Wish(about, asked.stream, turn.begin, turn.headers, fail, body)
    return await serve_turn(request, wish)


class _ChatTurn:
    """One chat request on its way to a run."""

    def __init__(self, request: web.Request, asked: chat.ChatRequest, about: SessionFields) -> None:
        self._request = request
        self._asked = asked
        self._about = about
        self._gateway = request.app[GATEWAY]
        self._owner = request[PRINCIPAL].id
        self._created = int(time.time())
        self._inside = replace(
            asked,
            stream=True,  # inside, every kept run is one
            affinity=about.session_id or asked.affinity,
        )
        self._auto_cache = self._gateway.settings[AUTO_CACHE]
        self.headers: dict[str, str] = {}

    async def begin(self, claim: Claim | None, wish: Wish) -> LiveRun | RunRecord:
        """Store the start of the turn, and let it run."""
        await fetch_links(self._request, self._asked.fields)
        opening = await self._opening()
        known = opening.session.model if opening is not None else None
        resolved = self._gateway.catalogue.resolve(self._asked.model or known)
        joined: Joined | None = None
        if opening is None:
            wanted = self._wanted(partial(self._translated, None))
            call = wanted.of(resolved)
        else:
            joined, wanted, call = self._joined(opening, resolved)
            check_window(joined.session, joined.fresh, resolved.model)
        run = begin_run(self._request, resolved, stream=self._asked.stream)
        self.headers |= {**notes(resolved), **wanted.headers}
        record = record_of(self._request, run, wish, kept.OPENAI, joined)
        start = start_of(record, opening, joined, wish.replay(self._request, run.id))
        others = stand_ins(self._request, resolved, wanted.of)
        batches = self._gateway.engine.stream(resolved.backend, call, run, others)
        work = self._work(run, batches, wanted, joined)
        return await the_runs(self._request).begin(start, work, claim)

    async def _opening(self) -> Opening | None:
        about = self._about
        if about.session_id is None:
            return None
        opening = await opening_of(self._request, about)
        prompt = self._asked.fields.get("system_prompt")
        if isinstance(prompt, str) and prompt.strip() and opening.session.system is None:
            return replace(opening, session=replace(opening.session, system_prompt=prompt))
        return opening

    def _joined(self, opening: Opening, resolved: Resolved) -> tuple[Joined, Wanted, ModelRequest]:
        """Let the request join the session; with other tools than before, thinking is left out."""
        tried = self._tried(opening, resolved)
        before = opening.session.tools
        if before is not None and tried[0].session.tools != before:
            return self._tried(without_thinking(opening), resolved)
        return tried

    def _tried(self, opening: Opening, resolved: Resolved) -> tuple[Joined, Wanted, ModelRequest]:
        model, told = resolved.model, opening.told
        answers = told and told[-1].role == "assistant" and self._brings_results_alone()
        talk = chat.talk_of(self._asked, model, calls(told[-1]) if answers else ())
        said = [Turn(str(m["role"]), blocks(m["content"])) for m in talk.messages]
        system = talk.system
        if opening.session.system is None and not self._asked.fields.get("system_prompt"):
            system = [*_prompt(opening.session), *system]
        joined = join(opening, said, system, model, self._gateway.ids.message)
        past = past_tools(opening.session, joined.told)
        wanted = self._wanted(partial(self._translated, (joined, talk, past)))
        call = wanted.of(resolved)
        if wanted.translated.words:
            joined = joined.saying(wanted.translated.words)
            wanted = self._wanted(partial(self._translated, (joined, talk, past)))
            call = wanted.of(resolved)
        return with_tools(joined, wanted.translated.params, past), wanted, call

    def _brings_results_alone(self) -> bool:
        """Whether the request answers calls of the stored history, without repeating it."""
        messages = self._asked.fields.get("messages")
        given = messages if isinstance(messages, list) else []
        roles = {m.get("role") for m in given if isinstance(m, dict)}
        return "tool" in roles and "assistant" not in roles

    def _wanted(self, translate: Callable[[ModelInfo], Translated]) -> Wanted:
        return Wanted(self._request, self._inside, translate)

    def _translated(
        self, joins: tuple[Joined, Conversation, Sequence[object]] | None, model: ModelInfo
    ) -> Translated:
        if joins is None:
            return chat.translate(self._asked, model, auto_cache=self._auto_cache)
        joined, talk, past = joins
        whole = Conversation(
            [dict(block) for block in joined.system],
            joined.messages(model),
            talk.tool_names,
            talk.audio,
            talk.left_out,
        )
        return chat.translate(
            self._asked, model, auto_cache=self._auto_cache, joined=whole, past_tools=past
        )

    def _work(
        self,
        run: Run,
        batches: AsyncGenerator[Sequence[Event]],
        wanted: Wanted,
        joined: Joined | None,
    ) -> Work:
        price = partial(the_runs(self._request).price, run.model)
        extras = _extras(joined.session, price) if joined is not None else Extras()
        names = wanted.translated.tool_names
        encoder = ChatStream(
            self._created,
            run.model,
            include_usage=self._asked.include_usage,
            tool_names=names,
            extras=extras,
        )

        async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
            await wanted.judge(message)
            self.headers |= wanted.headers
            return sse.compact(completion(message, self._created, names, extras))

        return Work(
            run,
            batches,
            encoder,
            self._gateway.ids.message(),
            None if self._asked.stream else reply,
        )


def _prompt(session: Session) -> list[dict[str, object]]:
    prompt = session.system_prompt
    return [{"type": "text", "text": prompt}] if prompt and prompt.strip() else []


def _extras(session: Session, price: Callable[[Usage], Decimal | None]) -> Extras:
    return Extras(
        {"session_id": session.id, "project_id": session.project_id},
        partial(session_usage, price),
    )
