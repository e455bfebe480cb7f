"""/v1/budgets and /v1/admin/budgets: what may be spent, and how much of it was."""

from __future__ import annotations

import time

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import budgets, reading
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import Forbidden, Unavailable
from claude_gateway.spending.budgets import Budgets
from claude_gateway.spending.subjects import Subjects
from claude_gateway.types.budgets import BudgetName
from claude_gateway.web.addresses import check_whole
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of, store_of
from claude_gateway.web.operation import CONFLICT, KEPT, Operation
from claude_gateway.web.replies import json_reply

OF_ONE, OWNER = ("budget_kind", "budget_period"), ("budget_owner",)


@Operation(gives="Budgets", query=("limit", "offset"))
async def own_budgets(request: web.Request) -> web.StreamResponse:
    """List the budgets that apply to the caller: of key and user, and of all projects and sessions."""
    who = request[PRINCIPAL]
    return await _listed(request, who.id, who.key_id or "")


@Operation(gives="Budgets", query=("limit", "offset"))
async def list_budgets(request: web.Request) -> web.StreamResponse:
    """List everybody's budgets."""
    check_whole(request)
    return await _listed(request, None)


@Operation(gives="Budget", path=OF_ONE, query=OWNER, fails=(CONFLICT,))
async def get_budget(request: web.Request) -> web.StreamResponse:
    """Tell how a budget stands."""
    check_whole(request)
    kept = await _flushed(request)
    name = await Subjects(store_of(request)).known(_name(request))
    return json_reply(budgets.written(await kept.store.get_budget(name, time.time())))


@Operation(takes="NewBudget", gives="Budget", path=OF_ONE, query=OWNER, fails=KEPT)
async def set_budget(request: web.Request) -> web.StreamResponse:
    """Set a budget, or change what it allows; what is spent of it stays."""
    fields = parse_object(await read_json_body(request))
    wanted = budgets.read(fields, _name(request), time.time())
    kept = _kept(request)
    await _check_grant(request, kept)
    name = await Subjects(store_of(request)).found(wanted.name)
    wanted = budgets.read(fields, name, wanted.changed_at)
    state = await kept.store.set_budget(wanted)
    _changed(request, kept)
    return json_reply(budgets.written(state))


@Operation(gives="RemovedBudget", path=OF_ONE, query=OWNER, fails=KEPT)
async def remove_budget(request: web.Request) -> web.StreamResponse:
    """Remove a budget: limit somebody no longer in this way."""
    kept, name = _kept(request), _name(request)
    await _check_grant(request, kept)
    name = await Subjects(store_of(request)).known(name)
    state = await kept.store.get_budget(name, time.time())
    await kept.store.remove_budget(name)
    _changed(request, kept)
    return json_reply({**budgets.written(state), "removed": True})


async def _listed(request: web.Request, of: str | None, key_id: str = "") -> web.Response:
    window = reading.page(request.query)
    kept = await _flushed(request)
    listing = await kept.store.list_budgets(window, time.time(), of, key_id)
    return json_reply(listed("budgets", listing, window, budgets.written))


def _name(request: web.Request) -> BudgetName:
    match = request.match_info
    owner = request.query.get("owner") or owner_of(request)
    return budgets.read_name(match["kind"], match["subject"], match["period"], owner)


async def _check_grant(request: web.Request, kept: Budgets) -> None:
    """Let nobody who is limited decide about limits. Raises Forbidden."""
    check_whole(request)
    who = request[PRINCIPAL]
    if await kept.limits(who):
        raise Forbidden(
            "Your own key has a budget, so it cannot decide about budgets.", code="grant_exceeded"
        )


async def _flushed(request: web.Request) -> Budgets:
    """Return them once all is counted that is over, so that clients find what they have just spent."""
    kept = _kept(request)
    await kept.flush()
    return kept


def _kept(request: web.Request) -> Budgets:
    store_of(request)
    kept = request.app[GATEWAY].budgets
    if kept is None:
        raise Unavailable(
            "The store of this gateway keeps no budgets.", code="not_supported", should_retry=False
        )
    return kept


def _changed(request: web.Request, kept: Budgets) -> None:
    """What is remembered is not true any more, of keys either: they may have one of their own."""
    kept.forget()
    issued = request.app[GATEWAY].keys
    if issued is not None:
        issued.forget()
