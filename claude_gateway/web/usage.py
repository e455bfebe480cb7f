"""GET /v1/usage and /v1/runs/{id}/cost: what was used, and what it cost and why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from claude_gateway.access.owners import owner_named
from claude_gateway.dialects.resources import reading, usage
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import Forbidden, NotFound, Unavailable
from claude_gateway.models.explaining import explained, total
from claude_gateway.runs.live import LiveRun
from claude_gateway.spending_stores import KeepsUsage, as_usage_store
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.runs import calls_of
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.addresses import not_reached
from claude_gateway.web.cost_told import written_cost
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of, store_of
from claude_gateway.web.operation import NOT_FOUND, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.runs import found, now_of

ALL = ("true", "false")


@Operation(
    gives="Usage",
    query=("from", "to", "group_by", "owner", "all", "limit", "offset"),
    fails=(NOT_FOUND,),
)
async def get_usage(request: web.Request) -> web.StreamResponse:
    """Tell what the caller used, or for an admin also others, by day, model and the like."""
    query = request.query
    only = usage.read_filter(query, await _whose(request))
    principal = request[PRINCIPAL]
    if principal.projects is not None:
        reach = tuple(sorted(principal.projects))
        only = replace(only, projects=reach, key=principal.key_id or "")
    by, page = usage.read_groups(query), reading.page(query)
    store = _store(request)
    if (till := request.app[GATEWAY].till) is not None:
        await till.flush()  # so that a client finds what it has just used
    listing = await store.usage(only, by, page)
    told = listed("data", listing, page, partial(usage.written, by=by))
    return json_reply(
        {
            "object": "usage",
            "from": only.since,
            "to": only.until,
            "group_by": by,
            **told,
            "sum": usage.written_sum(await store.usage_sum(only)),
        }
    )


@Operation(gives="RunCost")
async def get_cost(request: web.Request) -> web.StreamResponse:
    """Explain what a run cost, or has cost so far."""
    run = await found(request)
    record, calls = now_of(run), run.rounds if isinstance(run, RunRecord) else ()
    if isinstance(run, LiveRun):
        calls = run.record.rounds or calls_of(run.run)
        record = replace(record, rounds=calls)
    at = datetime.fromtimestamp(record.ended_at or record.created_at, UTC).date()
    gateway = request.app[GATEWAY]
    told = explained(_model(request, record), calls or (record.usage,), at, gateway.factors)
    return json_reply(written_cost(record, told, total(told)))


def _model(request: web.Request, record: RunRecord) -> ModelInfo | None:
    try:
        return request.app[GATEWAY].catalogue.resolve(record.model).model
    except NotFound:  # a run of before, when there was another backend
        return None


async def _whose(request: web.Request) -> str | None:
    """Return whose usage is asked for; None is everybody's. Raises Forbidden, and NotFound."""
    asked, everybody = request.query.get("owner"), reading.choice(request.query, "all", ALL)
    own = owner_of(request)
    if everybody != "true" and (not asked or asked == own):
        return own
    if request[PRINCIPAL].projects is not None:
        raise not_reached(request)
    if "admin" not in request[PRINCIPAL].scopes:
        if everybody != "true":
            with suppress(NotFound):
                if await owner_named(store_of(request), asked or own) == own:  # by name
                    return own
        raise Forbidden(
            "Only a key with the scope admin may see what others used.",
            code="insufficient_scope",
            param="all" if everybody == "true" else "owner",
        )
    return None if everybody == "true" or not asked else await owner_named(store_of(request), asked)


def _store(request: web.Request) -> KeepsUsage:
    store = as_usage_store(store_of(request))
    if store is None:
        raise Unavailable(
            "The store of this gateway does not add up what was used.",
            code="not_supported",
            should_retry=False,
        )
    return store
