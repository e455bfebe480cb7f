"""A turn that waits for approvals: written down when it parks, and made again when it goes on.

There is one way back, also where the process is still the same. Nothing that is kept is a secret: who
brought a key of their own for upstream has to be here still.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from dataclasses import asdict, fields, replace
from decimal import Decimal
from functools import partial
from typing import Any

from claude_gateway import sse
from claude_gateway.backends import Backend
from claude_gateway.engine.replaying import kept, replayed, restored
from claude_gateway.errors import NotFound, Unavailable
from claude_gateway.loop.finding import stand_ins
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.loop.telling import waits_for
from claude_gateway.runs.deciding import Revived
from claude_gateway.runs.gathering import Gathering
from claude_gateway.runs.kept import Kept
from claude_gateway.runs.work import Work
from claude_gateway.tool_servers import OWN_ID
from claude_gateway.toolbox import Choice, Entry
from claude_gateway.toolbox.choices import Globs
from claude_gateway.types.approvals import Parked
from claude_gateway.types.principals import Principal
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.runs import Run
from claude_gateway.types.tools import Tool
from claude_gateway.types.turns import RunRecord
from claude_gateway.types.usage import Usage
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.looping import Scope, rounds_of
from claude_gateway.web.views import View

VERSION = 1
ACCOUNT = (
    *("model", "backend", "request_id", "stream", "served_model", "retries", "served_backend"),
    *("fallback", "forgot_thinking"),
)


def parked(rounds: ToolRounds, scope: Scope, view: View, message_id: str) -> Parked | None:
    """Return what to keep of a turn that has stopped because somebody has to be asked."""
    if rounds.parked is None:
        return None
    turn, calls = rounds.parked
    run, entries = turn.run, rounds.tools.values()
    state = {
        "version": VERSION,
        "turn": kept(turn),
        "asked": turn.backend.name,
        "run": _account(run),
        "counted": rounds.meter.kept(),
        "tools": [[e.server, e.wire_name, e.tool.name, e.tool.approval, e.digest] for e in entries],
        "scope": _scope(scope),
        "kept": [*rounds.memory.kept],
        "view": view.kept(),
        "message_id": message_id,
        "own_key": run.principal.upstream_key is not None,
    }
    return Parked(calls, sse.compact(state), [waits_for(run.id, call) for call in calls])


def revived(
    gateway: Gateway, record: RunRecord, written: bytes, principal: Principal | None
) -> Revived:
    """Return the work of a run that goes on; `principal` is who asked, if that is known here.

    Raises Unavailable when it cannot go on any more, with a sentence that says why.
    """
    state: Any = RawJson.parse(written)
    if state.get("version") != VERSION:
        raise _cannot("another version of the gateway has kept it")
    if state["own_key"] and principal is None:
        raise _cannot("the gateway was started anew, and the key that pays for it is never stored")
    run = _run(record, state["run"], principal or _known(record))
    run.kept = True
    run.price, run.listed = gateway.price, gateway.catalogue.lists(run.model)
    turn = restored(state["turn"], run, _backend(gateway, run, state), run.principal.upstream_key)
    scope, view = _restored_scope(record, state["scope"]), View.restored(state["view"])
    rounds = rounds_of(gateway, scope, run.id, (view.own, dict(map(_entry, state["tools"]))))
    rounds.meter.restore(**state["counted"])
    rounds.memory.kept = Kept(*state["kept"])
    rounds.decided(record.approvals)
    joiner, seen = replayed(turn)
    encoder, gathered = view.encoder(gateway, run), Gathering()
    encoder.feed(seen)
    gathered.add(seen)
    batches = gateway.engine.going_on(turn, joiner, rounds)
    work = Work(run, batches, encoder, str(state["message_id"]), kept=lambda: rounds.memory.kept)
    work = replace(work, parked=partial(parked, rounds, scope, view, work.message_id))
    return Revived(work if record.stream else _in_one_piece(gateway, work, view), gathered)


def _known(record: RunRecord) -> Principal:
    """Return what is known of who asked, for whom budgets count on."""
    return Principal(record.payer, record.payer, key_id=record.key_id)


def _in_one_piece(gateway: Gateway, work: Work, view: View) -> Work:
    async def reply(message: Mapping[str, object], _cost: Decimal | None) -> bytes:
        return view.whole(gateway, work.run, message)

    return replace(work, reply=reply)


def _account(run: Run) -> dict[str, object]:
    """Return a run's account; times as seconds that have passed, or are left."""
    now = time.monotonic()
    return {
        **{name: getattr(run, name) for name in ACCOUNT},
        "took": now - run.started,
        "left": None if run.deadline is None else run.deadline - now,
        "usage": asdict(run.usage),
        "rounds": [asdict(used) for used in run.rounds],
    }


def _run(record: RunRecord, state: Mapping[str, Any], principal: Principal) -> Run:
    """Return the account as it was; what it took to wait does not count."""
    now, left = time.monotonic(), state["left"]
    return Run(
        id=record.id,
        principal=principal,
        started=now - _seconds(state["took"]),
        first_token=now,
        deadline=None if left is None else now + _seconds(left),
        usage=_usage(state["usage"]),
        rounds=tuple(map(_usage, state["rounds"])),
        project_id=record.project_id,
        session_id=record.session_id,
        host=None if record.caller is None else record.owner,
        **{name: state[name] for name in ACCOUNT},
    )


def _seconds(number: object) -> float:
    return float(str(number))


def _usage(counts: Mapping[str, Any]) -> Usage:
    known = {f.name for f in fields(Usage)}
    return Usage(**{name: count for name, count in counts.items() if name in known})


def _scope(scope: Scope) -> dict[str, object]:
    names = [[_names(choice.servers), _names(choice.tools)] for choice in scope.choices]
    return {
        "choices": names,
        "session_id": scope.session_id,
        "project_id": scope.project_id,
        "audited": scope.audited,
        "approval": scope.approval,
    }


def _restored_scope(record: RunRecord, state: Mapping[str, Any]) -> Scope:
    choices = tuple(Choice(_chosen(s), _chosen(t)) for s, t in state["choices"])
    said = {**state, "choices": choices, "parks": True, "caller": record.caller}
    return Scope(record.owner, **said)


def _names(chosen: Container[str] | None) -> object:
    if chosen is None:
        return None
    if isinstance(chosen, Globs):
        return {"patterns": [*chosen.patterns]}
    if not isinstance(chosen, frozenset):
        raise TypeError(f"{type(chosen).__name__} is no choice of names that could be kept")
    return sorted(chosen)


def _chosen(names: Any) -> Container[str] | None:
    if isinstance(names, Mapping):
        return Globs(tuple(names["patterns"]))
    return None if names is None else frozenset(names)


def _entry(kept_tool: list[Any]) -> tuple[str, Entry]:
    """Return what is known of a tool; whether it is still there is asked when it is called."""
    server, name, tool, approval, digest = kept_tool
    if server == OWN_ID:
        return name, next(entry for entry in stand_ins() if entry.wire_name == name)
    return name, Entry(server, name, Tool(tool, "", {}, approval=approval), {}, digest)


def _backend(gateway: Gateway, run: Run, state: Mapping[str, Any]) -> Backend:
    try:
        backend = gateway.catalogue.resolve(run.fallback or run.model).backend
    except NotFound:
        raise _cannot(f"there is no model {run.fallback or run.model} any more") from None
    if backend.name != state["asked"]:
        raise _cannot("another backend has its model by now")
    return backend


def _cannot(why: str) -> Unavailable:
    return Unavailable(
        f"The run waited for an approval, and cannot go on: {why}.",
        code="interrupted",
        should_retry=False,
    )
