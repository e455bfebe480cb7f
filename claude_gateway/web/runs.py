"""/v1/runs: how a turn is doing, what it has said, and how to stop it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from aiohttp import hdrs, web

from claude_gateway import sse
from claude_gateway.dialects import kept
from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.resources import reading
from claude_gateway.dialects.resources.runs import written
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import Conflict, NotFound
from claude_gateway.runs.live import LiveRun
from claude_gateway.types.sharing import Role
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.addresses import place_of, seen_run, visitor_of, who_of
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.operation import CONFLICT, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.siblings import at_home
from claude_gateway.web.turns import the_runs
from claude_gateway.web.viewing import watched

STATUSES = (
    "queued",
    "running",
    "awaiting_approval",
    "completed",
    "failed",
    "cancelled",
    "interrupted",
)
LAST_EVENT = "Last-Event-ID"


@Operation(gives="Runs", query=("limit", "offset", "session_id", "run_status"))
async def list_runs(request: web.Request) -> web.StreamResponse:
    """List the caller's runs, the newest first."""
    page = reading.page(request.query)
    status = reading.choice(request.query, "status", STATUSES)
    session_id = request.query.get("session_id", "")
    who, id_ = place_of(request, session_id)
    listing = await the_runs(request).store.list_runs(who, page, session_id=id_, status=status)
    return json_reply(listed("runs", listing, page, partial(_written, request)))


@Operation(gives="Run")
async def get_run(request: web.Request) -> web.StreamResponse:
    """Say how a run is doing."""
    return json_reply(_written(request, now_of(await found(request))))


@Operation(query=("after_event",), headers=("last_event_id",), streams=True)
async def run_events(request: web.Request) -> web.StreamResponse:
    """Show the frames of a run after a given one, in the same bytes, live to the end."""
    after = _after(request)
    run = await found(request)
    record = now_of(run)
    headers = {**record.headers, "x-run-id": record.id}
    if request.method == hdrs.METH_HEAD:
        return web.Response(headers={**sse.HEADERS, **headers})
    async with watched(request, headers, partial(kept.ended, record.dialect), after) as viewer:
        await viewer.show(run, silent_is_status=False)
    return await viewer.end()


@Operation(gives="Run", fails=(CONFLICT,))
async def cancel_run(request: web.Request) -> web.StreamResponse:
    """Stop a run and keep what was said; stopping what has ended changes nothing."""
    run = await found(request, "editor")
    if isinstance(run, LiveRun):
        run.cancel()
        await run.over()
    elif not run.over:
        raise Conflict(
            "The run is at work in another process of the gateway; cancel it there.",
            code="run_elsewhere",
        )
    return json_reply(_written(request, now_of(run)))


async def found(request: web.Request, need: Role = "viewer") -> LiveRun | RunRecord:
    """Return the run that the request names, as `run_called`."""
    return await run_called(request, request.match_info["run_id"], need)


async def run_called(request: web.Request, run_id: str, need: Role) -> LiveRun | RunRecord:
    """Return a run of the caller's, or one in a project in which they have a role.

    Raises NotFound, and Forbidden where the role is too low.
    """
    runs = the_runs(request)
    if isinstance(who := who_of(request), str) and (live := runs.live(who, run_id)) is not None:
        return live
    record = await kept_run(request, run_id, need)
    return runs.live(record.owner, run_id) or here(request, record)


async def kept_run(request: web.Request, run_id: str, need: Role) -> RunRecord:
    """Return the record of a run, as `run_called`."""
    store = the_runs(request).store
    if isinstance(who := who_of(request), str):
        with suppress(NotFound):
            return await store.get_run(who, run_id)
    return await store.get_run(visitor_of(request), run_id, need)


def _written(request: web.Request, run: RunRecord) -> dict[str, object]:
    return written(seen_run(request, run))


def here(request: web.Request, record: RunRecord) -> RunRecord:
    """Return a run's record, unless the run lives in another worker."""
    if not record.over:
        at_home(request, record.session_id or record.id)
    return record


def now_of(run: LiveRun | RunRecord) -> RunRecord:
    """Return the record with what is known by now."""
    if isinstance(run, RunRecord):
        return run
    if run.record.over:
        return run.record
    account = run.run
    return replace(
        run.record,
        usage=account.usage,
        served_model=account.served_model,
        last_event=run.log.last,
    )


def _after(request: web.Request) -> int:
    """Return the number of the last frame that the client has seen; the header wins."""
    said = {"after": request.query.get("after"), LAST_EVENT: request.headers.get(LAST_EVENT)}
    after = 0
    for name, given in said.items():
        if given:
            if not (
                given.isascii() and given.isdigit() and len(given) <= len(str(reading.FARTHEST))
            ):
                wrong(name, "must be the number of an event: a whole number, 0 or more")
            after = int(given)
    return after


def is_running(request: web.Request, owner: str, session_id: str) -> bool:
    """Whether a turn of the session is under way."""
    at_home(request, session_id)
    runs = request.app[GATEWAY].runs
    return runs is not None and runs.claims.busy((owner, session_id))
