"""POST /v1/chat/completions in a session, or with a run that is kept for another reason."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects import kept
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.endings import session_usage
from claude_gateway.dialects.openai.params import Translated, Whole
from claude_gateway.dialects.openai.stream import ChatStream, Extras
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.runs.live import Work
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.web.kept_turn import KeptTurn
from claude_gateway.web.turn_tools import cost_so_far, report, wants_events
from claude_gateway.web.turns import Wish, named, serve_turn
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


class _ChatTurn(KeptTurn):
    dialect = kept.OPENAI

    def __init__(self, request: web.Request, asked: chat.ChatRequest, about: SessionFields) -> None:
        super().__init__(request, asked, about)
        self._chat = asked

    def talk(self, model: ModelInfo, open_calls: Sequence[str]) -> Conversation:
        return chat.talk_of(self._chat, model, open_calls)

    def translate(self, model: ModelInfo, whole: Whole | None) -> Translated:
        auto = self.auto_cache
        return chat.translate(self._chat, model, auto_cache=auto, whole=whole, own=self.own)

    def brings_results_alone(self) -> bool:
        messages = self._chat.fields.get("messages")
        given = messages if isinstance(messages, list) else []
        roles = {m.get("role") for m in given if isinstance(m, dict)}
        return "tool" in roles and "assistant" not in roles

    def work(
        self,
        run: Run,
        batches: AsyncGenerator[Sequence[Event]],
        wanted: Wanted,
        session: Session | None,
    ) -> Work:
        names = wanted.translated.tool_names
        extras = replace(self._extras(run, session), own=wanted.translated.owned)
        encoder = ChatStream(
            self.created,
            run.model,
            include_usage=self._chat.include_usage,
            tool_names=names,
            extras=extras,
        )

        async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
            await wanted.judge(message)
            self.headers |= wanted.headers
            return sse.compact(completion(message, self.created, names, extras))

        new_id = self.gateway.ids.message()
        return Work(run, batches, encoder, new_id, None if self._chat.stream else reply)

    def _extras(self, run: Run, session: Session | None) -> Extras:
        events = wants_events(self.request, asked=self._chat.events)
        told = partial(report, self.request, run) if events else None
        if session is None:
            return Extras(report=told)
        ids = {"session_id": session.id, "project_id": session.project_id}
        price = partial(cost_so_far, self.request, run)
        return Extras(ids, partial(session_usage, price), report=told)
