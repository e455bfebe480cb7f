"""POST /v1/responses that is stored: a run, in a session of its own or of an earlier response."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects import kept
from claude_gateway.dialects.openai.params import Translated, Whole
from claude_gateway.dialects.openai.turns import Conversation
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client, OwnTool
from claude_gateway.dialects.responses.response import Opening, begun, whole
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.dialects.session_fields import SessionFields, session_fields
from claude_gateway.dialects.visible import Owned
from claude_gateway.errors import InvalidRequest, NotFound
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.work import Work
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import Disconnect, RunRecord
from claude_gateway.web.addresses import home_of, who_of
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.kept_turn import KeptTurn
from claude_gateway.web.replies import json_reply
from claude_gateway.web.runs import kept_run
from claude_gateway.web.siblings import at_home
from claude_gateway.web.turn_places import named, of_owner
from claude_gateway.web.turn_tools import TurnTools
from claude_gateway.web.turns import Wish, begun_run, serve_turn, the_runs
from claude_gateway.web.wanted import Wanted

PREFIX, OF_A_RUN = "resp_", "run_"


async def kept_response(
    request: web.Request, body: bytes, asked: responses.ResponseRequest
) -> web.StreamResponse:
    """Answer with a response that can be read, and gone on with, later."""
    about = replace(await _place(request, asked), on_disconnect=_on_disconnect(request, asked))
    turn = _ResponseTurn(request, asked, about)
    fail = partial(kept.ended, kept.RESPONSES)
    wish = Wish(about, asked.stream, turn.begin, turn.headers, fail, body)
    if asked.background and not asked.stream:
        run = await begun_run(request, wish)
        record = run.record if isinstance(run, LiveRun) else run
        return json_reply(turn.in_progress(record.id), headers=turn.headers)
    return await serve_turn(request, wish)


def response_id(run_id: str) -> str:
    """Return what a run's response is called."""
    return PREFIX + run_id.removeprefix(OF_A_RUN)


def run_id(response: str) -> str:
    """Return the run of a response. Raises NotFound for what cannot be a response's id."""
    if not response.startswith(PREFIX):
        raise no_response()
    return OF_A_RUN + response.removeprefix(PREFIX)


def no_response() -> NotFound:
    """What is said of a response that is not there, or not the caller's."""
    return NotFound("There is no such response: it was not stored, or was forgotten.")


def _on_disconnect(request: web.Request, asked: responses.ResponseRequest) -> Disconnect:
    """OpenAI's clients expect that hanging up stops a response, unless it is in the background."""
    said = session_fields({}, request.headers).on_disconnect
    return said or ("detach" if asked.background else "cancel")


async def _place(request: web.Request, asked: responses.ResponseRequest) -> SessionFields:
    """Return the session that the response goes on in: a branch, when that has gone on already."""
    if asked.previous is None:
        home = None if asked.conversation else home_of(request)
        return named(request, SessionFields(session_id=asked.conversation, project_id=home))
    runs = the_runs(request)
    try:
        run = await kept_run(request, run_id(asked.previous), "editor")
        who = who_of(request, run.owner)
        session, messages = await runs.store.history(who, run.session_id or "")
        last = max(m.number for m in messages if m.run_id == run.id)
    except (NotFound, ValueError):
        raise InvalidRequest(
            f"previous_response_id {asked.previous[:100]!r} is no response that can be gone on "
            "with: it is unknown, not finished, or deleted.",
            code="previous_response_not_found",
            param="previous_response_id",
        ) from None
    at_home(request, session.id)
    if last == session.last_number and not runs.claims.busy((session.owner, session.id)):
        return of_owner(request, session.owner, SessionFields(session_id=session.id))
    branch = SessionFields(session_id=await _branch(request, session, last))
    return of_owner(request, session.owner, branch)


async def _branch(request: web.Request, parent: Session, last: int) -> str:
    """Copy a conversation up to one of its messages, without its thinking."""
    now, id_ = time.time(), request.app[GATEWAY].ids.session()
    fork = replace(
        parent, id=id_, parent_id=parent.id, created_at=now, updated_at=now, thinking_after=last
    )
    who = who_of(request, parent.owner)
    await the_runs(request).store.fork_session(who, parent.id, fork, last)
    return id_


class _ResponseTurn(KeptTurn):
    dialect = kept.RESPONSES
    new_system = True  # instructions hold for one response

    def __init__(
        self, request: web.Request, asked: responses.ResponseRequest, about: SessionFields
    ) -> None:
        super().__init__(request, asked, about)
        self._response = asked

    def talk(self, model: ModelInfo, open_calls: Sequence[str]) -> Conversation:
        return responses.talk_of(self._response, model, open_calls)

    def translate(self, model: ModelInfo, whole: Whole | None) -> Translated:
        auto = self.auto_cache
        return responses.translate(
            self._response, model, auto_cache=auto, whole=whole, own=self.own
        )

    def brings_results_alone(self) -> bool:
        return responses.brings_results_alone(self._response.fields)

    def in_progress(self, run: str) -> dict[str, object]:
        """Return the response before the model has said anything."""
        return begun(self._opening_of(run, self._response.model or ""), {})

    def work(
        self,
        run: Run,
        batches: AsyncGenerator[Sequence[Event]],
        wanted: Wanted,
        session: Session | None,
    ) -> Work:
        opening = self._opening_of(run.id, run.model)
        tail, names = run.id.removeprefix(OF_A_RUN), wanted.translated.tool_names
        thinking = self._response.thinking and not wanted.translated.words
        client = Client(tail, names, thinking, self._response.sources)
        client = with_own(client, self.tools, self.looped, wanted.translated.owned)

        async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
            await wanted.judge(message)
            self.headers |= wanted.headers
            return sse.compact(whole(opening, message, client, int(time.time())))

        encoder = ResponseStream(opening, client)
        return Work(run, batches, encoder, self.gateway.ids.message(), reply)

    def _opening_of(self, run: str, model: str) -> Opening:
        asked = self._response
        said = {**echo(asked.fields), "store": True, "background": asked.background}
        if asked.previous is not None:
            said["previous_response_id"] = asked.previous
        if asked.conversation is not None:
            said["conversation"] = {"id": asked.conversation}
        return Opening(response_id(run), self.created, model, said)


def with_own(
    client: Client, tools: TurnTools | None, rounds: ToolRounds | None, own: Owned
) -> Client:
    """Return the client with what it is shown of calls that the gateway runs."""
    if tools is None or rounds is None:
        return client
    labels = {name: OwnTool(*label) for name, label in tools.labels.items()}
    return replace(client, own=own, labels=labels, gave=rounds.gave)


def unfinished(run: RunRecord) -> dict[str, object]:
    """Return the response of a run that has no whole answer: not yet, or never."""
    said = {**echo({}), "store": True}
    opening = Opening(response_id(run.id), int(run.created_at), run.model, said)
    response = begun(opening, {"model": run.served_model})
    if not run.over:
        return response
    status = "cancelled" if run.status == "cancelled" else "failed"
    error = {"code": "server_error", "message": run.error_message or "The run failed."}
    return {**response, "status": status, "error": None if status == "cancelled" else error}
