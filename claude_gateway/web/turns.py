"""Answer with a run that outlives this connection: begun here, or begun before by the same request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from claude_gateway.conversations.joining import Joined
from claude_gateway.conversations.opening import Opening
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.engine.calls import Asking
from claude_gateway.errors import Conflict, GatewayError, NotFound, revived
from claude_gateway.runs import Runs
from claude_gateway.runs.claims import Claim, Place
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.work import Work
from claude_gateway.types.runs import Run
from claude_gateway.types.sharing import whose
from claude_gateway.types.turns import Replay, RunRecord, TurnStart
from claude_gateway.types.values import replaced, value
from claude_gateway.web.addresses import who_of
from claude_gateway.web.gateway import CONTEXT, GATEWAY, PRINCIPAL, REQUEST_ID
from claude_gateway.web.guard import admit_again
from claude_gateway.web.keeping import KEY, no_store, owner_of, replay_of
from claude_gateway.web.replies import bytes_reply
from claude_gateway.web.siblings import at_home
from claude_gateway.web.turn_places import check_place
from claude_gateway.web.viewing import Fail, ended_elsewhere, forgotten, watched

TRIES = 3  # when somebody else changes the session in between


@value
class Wish:
    """How a turn is to be begun and shown.

    `begin` stores the start and lets it run; `headers` are those of the answer, which it may add
    to. `fail` writes the end of a stream that went wrong.
    """

    about: SessionFields
    stream: bool
    begin: Begin
    headers: dict[str, str]
    fail: Fail
    body: bytes

    def replay(self, request: web.Request, run_id: str) -> Replay | None:
        """Return what to remember of a request that may be sent again."""
        return replay_of(request, self.body, "run", run_id)


Begin: TypeAlias = Callable[[Claim | None, Wish], Awaitable[LiveRun | RunRecord]]


def lasts(request: web.Request, about: SessionFields) -> bool:
    """Whether a request asks for something that must be kept; habits of its caller's need a store."""
    if about.in_session or about.on_disconnect == "detach":
        return True
    habit = about.on_disconnect is None and request[PRINCIPAL].on_disconnect == "detach"
    return (habit or KEY in request.headers) and request.app[GATEWAY].runs is not None


def the_runs(request: web.Request) -> Runs:
    """Return who keeps runs. Raises Unavailable when there is no store."""
    runs = request.app[GATEWAY].runs
    if runs is None:
        raise no_store()
    return runs


async def begun(
    request: web.Request, start: TurnStart, work: Work, claim: Claim | None, asking: Asking
) -> LiveRun | RunRecord:
    """Store the start of a turn, and let it run; a session that is new is counted soon.

    `asking` is its first call of a model, for which money is reserved before anything is stored.
    """
    gateway, runs = request.app[GATEWAY], the_runs(request)
    who = who_of(request, start.run.owner)
    if not isinstance(who, str):
        start = replaced(start, by=who)
    if gateway.budgets is not None:
        await gateway.budgets.reserve_first(asking, work.run)
    try:
        run = await runs.begin(start, work, claim)
    finally:
        held = work.run.held
        if held is not None and runs.live(start.run.owner, start.run.id) is None:
            held.release()
    if start.new_session:
        gateway.session_count.changed()
    return run


async def serve_turn(request: web.Request, wish: Wish) -> web.StreamResponse:
    """Begin the turn, or find the one that this request began before, and show it."""
    the_runs(request)
    session = wish.about.session_id
    if session is not None and not wish.about.is_new:
        at_home(request, session)  # before anything is done that another worker does again
    if not wish.stream:
        return await _whole(request, await begun_run(request, wish), wish.headers)
    async with watched(request, wish.headers, wish.fail) as viewer:
        run = await begun_run(request, wish)
        wish.headers["x-run-id"] = _kept(run).id
        await viewer.show(run)
    return await viewer.end()


async def begun_run(request: web.Request, wish: Wish) -> LiveRun | RunRecord:
    """Begin the turn, or find the run that the same request began before."""
    asked, about = wish.replay(request, ""), wish.about
    await check_place(request, about)
    if about.session_id is not None and not about.is_new:
        at_home(request, about.session_id)
    elif asked is not None:
        at_home(request, asked.key)
    if asked is None:
        return await _in_turn(request, wish)
    claim = await the_runs(request).repeats.take_in_turn((owner_of(request), asked.key))
    try:
        return await _made_before(request, wish, asked) or await _in_turn(request, wish)
    finally:
        claim.release()


async def _made_before(
    request: web.Request, wish: Wish, asked: Replay
) -> LiveRun | RunRecord | None:
    """Return the run of the same request. Raises Conflict when the key was another request's."""
    runs, owner = the_runs(request), owner_of(request)
    replay = await runs.store.find_replay(owner, asked.key)
    if replay is None:
        return None
    if replay.digest != asked.digest or replay.kind != "run":
        raise Conflict(
            f"This {KEY} was used for another request; take a new one.",
            code="idempotency_key_reused",
            should_retry=False,
        )
    who = who_of(request, wish.about.owner)
    if (live := runs.live(whose(who), replay.made)) is not None and isinstance(who, str):
        return live
    try:
        record = await runs.store.get_run(who, replay.made)
    except NotFound:  # deleted with its session
        return None
    return live or (None if failed_in_silence(record) else record)


def failed_in_silence(record: RunRecord) -> bool:
    """Whether a run failed before the model said anything: trying again is a new attempt."""
    return record.status == "failed" and record.served_model is None


async def _in_turn(request: web.Request, wish: Wish) -> LiveRun | RunRecord:
    """Take the session, if there is one, and begin. The run releases it."""
    session = wish.about.session_id
    if session is None:
        return await wish.begin(None, wish)
    place = (wish.about.owner or owner_of(request), session)
    claim, waited = await _taken(request, place, queues=wish.about.if_busy == "queue")
    try:
        if waited:
            await admit_again(request)
        for _ in range(TRIES - 1):
            try:
                return await wish.begin(claim, wish)
            except Conflict as exc:
                if exc.code not in ("stale_session", "exists"):
                    raise
        return await wish.begin(claim, wish)
    except BaseException:
        if the_runs(request).in_session(*place) is None:  # nobody lives who releases it
            claim.release()
        raise


async def _taken(request: web.Request, place: Place, *, queues: bool) -> tuple[Claim, bool]:
    """Take a session, and say whether that meant to wait. Raises Conflict when it is busy."""
    claims = the_runs(request).claims
    if not (queues and claims.busy(place)):
        return claims.take(place), False
    began = time.monotonic()
    claim = await claims.take_in_turn(place)
    request[CONTEXT].spending().queue += time.monotonic() - began
    return claim, True


def record_of(
    request: web.Request, run: Run, wish: Wish, dialect: str, joined: Joined | None
) -> RunRecord:
    """Return a run as it begins to be kept."""
    session = joined.session if joined is not None else None
    run.kept = True
    if session is not None:
        run.session_id, run.project_id = session.id, session.project_id
        run.host = wish.about.owner
    return RunRecord(
        run.id,
        wish.about.owner or run.principal.id,
        dialect,
        run.model,
        time.time(),
        session_id=session.id if session is not None else None,
        project_id=session.project_id if session is not None else None,
        request_id=request[REQUEST_ID],
        instance=the_runs(request).store.instance,
        stream=wish.stream,
        on_disconnect=wish.about.on_disconnect or run.principal.on_disconnect or "detach",
        headers=dict(wish.headers),
        key_id=run.principal.key_id,
        caller=run.principal.id if wish.about.owner else None,
    )


def start_of(
    record: RunRecord, opening: Opening | None, joined: Joined | None, replay: Replay | None
) -> TurnStart:
    """Return all that must be stored before the model is asked."""
    if opening is None or joined is None:
        return TurnStart(record, replay=replay)
    return TurnStart(
        record,
        joined.session,
        opening.new,
        opening.project,
        joined.fresh,
        joined.keep,
        opening.session.last_number,
        replay,
        opening.session.updated_at,
    )


async def _whole(
    request: web.Request, run: LiveRun | RunRecord, headers: dict[str, str]
) -> web.Response:
    """Wait for the end, and give the answer in one piece."""
    if isinstance(run, LiveRun):
        run.watchers += 1
        try:
            await run.over()
        except asyncio.CancelledError:
            run.watchers -= 1
            request.app[GATEWAY].left(run)
            raise
        run.watchers -= 1
    else:
        run = await ended_elsewhere(request.app[GATEWAY], run)
    record = _kept(run)
    headers = {**record.headers, **headers, "x-run-id": record.id}
    failure = _failure(run)
    if failure is not None:
        raise failure
    if record.reply is None:
        raise forgotten()
    return bytes_reply(record.reply, headers=headers)


def _failure(run: LiveRun | RunRecord) -> GatewayError | None:
    if isinstance(run, LiveRun):
        return run.failure.again() if run.failure is not None else None
    if run.error_code is None:
        return None
    return revived(run.error_code, run.error_message or "The run failed.")


def _kept(run: LiveRun | RunRecord) -> RunRecord:
    return run.record if isinstance(run, LiveRun) else run
