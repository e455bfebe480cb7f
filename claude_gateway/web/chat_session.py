"""POST /v1/chat/completions in a session, or with a run that is kept for another reason."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from aiohttp import web

from claude_gateway.dialects import kept
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.openai.params import Translated, Whole
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.runs.work import Work
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.web.addresses import seen_session
from claude_gateway.web.kept_turn import KeptTurn
from claude_gateway.web.parking import parked
from claude_gateway.web.turn_places import named
from claude_gateway.web.turn_tools import wants_events
from claude_gateway.web.turns import Wish, serve_turn
from claude_gateway.web.views import View
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
    parks = True

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
        view = self._view(wanted, session)

        async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
            await wanted.judge(message)
            self.headers |= wanted.headers
            return view.whole(self.gateway, run, message)

        new_id = self.gateway.ids.message()
        encoder = view.encoder(self.gateway, run)
        work = Work(run, batches, encoder, new_id, None if self._chat.stream else reply)
        if self.tools is None or self.looped is None:
            return work
        scope = self.tools.scope(parks=True)
        return replace(work, parked=partial(parked, self.looped, scope, view, new_id))

    def _view(self, wanted: Wanted, session: Session | None) -> View:
        seen = None if session is None else seen_session(self.request, session)
        ids = {"session_id": seen.id, "project_id": seen.project_id} if seen else {}
        return View(
            self.dialect,
            self.created,
            self._chat.include_usage,
            wanted.translated.tool_names,
            wanted.translated.owned,
            ids,
            wants_events(self.request, asked=self._chat.events),
            self._chat.pads,
        )
