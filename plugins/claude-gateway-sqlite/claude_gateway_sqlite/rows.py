"""Values to columns and rows to values."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

import orjson

from claude_gateway import (
    AskedCall,
    Events,
    Message,
    Project,
    Replay,
    RunRecord,
    Session,
    ToolExecution,
    Usage,
)
from claude_gateway_sqlite.packing import unpacked
from claude_gateway_sqlite.schema import LAST_EVENT

# What sqlite3 returns; columns are as the statements beside say, and not known to a type checker.
Row: TypeAlias = Sequence[Any]

DIGITS = 12
NOTHING = Usage()
WRITER = json.JSONEncoder(separators=(",", ":"), default=dict)
COUNT_NAMES = tuple(field.name for field in fields(Usage))
COUNTS = frozenset(COUNT_NAMES)
_counts = attrgetter(*COUNT_NAMES)


def money(cost: Decimal | None) -> int | None:
    """Dollars to whole numbers of 1e-12 dollars."""
    return None if cost is None else int(cost.scaleb(DIGITS).to_integral_value())


def dollars(units: int | None) -> Decimal | None:
    return None if units is None else Decimal(units).scaleb(-DIGITS)


def mapping(value: Mapping[str, object]) -> str | None:
    """JSON of any size of number, which orjson does not do; NULL when there is nothing in it."""
    return WRITER.encode(value) if value else None


def mapped(text: str | None) -> Any:
    return {} if text is None else json.loads(text)


def names(value: tuple[str, ...] | None) -> str | None:
    return None if value is None else json.dumps(value)


def named(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))


def counts(usage: Usage) -> str | None:
    some = usage.output_tokens or usage.input_tokens or usage != NOTHING
    if not some:
        return None
    # A dict is written in half the time of a dataclass.
    return orjson.dumps(dict(zip(COUNT_NAMES, _counts(usage), strict=True))).decode()


def counted(text: str | None) -> Usage:
    """Counts that a later version wrote, and this one does not know, are left out."""
    if text is None:
        return NOTHING
    return _known(orjson.loads(text))


def rounds(used: Sequence[Usage]) -> str | None:
    return orjson.dumps(list(used)).decode() if used else None


def rounds_again(text: str | None) -> tuple[Usage, ...]:
    found = [] if text is None else orjson.loads(text)
    return tuple(_known(one) for one in found)


def asked(calls: Sequence[AskedCall]) -> str | None:
    """JSON of the calls that a person decides about."""
    fields_of = [
        {
            **{f.name: getattr(call, f.name) for f in fields(call)},
            "arguments": call.arguments.decode(),
        }
        for call in calls
    ]
    return json.dumps(fields_of) if fields_of else None


def asked_again(text: str | None) -> tuple[AskedCall, ...]:
    found = [] if text is None else json.loads(text)
    return tuple(AskedCall(**{**call, "arguments": call["arguments"].encode()}) for call in found)


def agreed(session: Session) -> str | None:
    """JSON of what a session says of approvals; NULL where it says nothing."""
    if session.approval == "never" and not session.approved:
        return None
    return WRITER.encode({"approval": session.approval, "approved": session.approved})


def _known(counts: Mapping[str, Any]) -> Usage:
    return Usage(**{name: n for name, n in counts.items() if name in COUNTS})


def day(moment: float) -> str:
    return _day(int(moment // 86_400))


@lru_cache(maxsize=8)
def _day(days: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(days * 86_400))


def project(row: Row) -> Project:
    """Row of PROJECT: ref, owner, id, name, description, path, metadata, is_active, times."""
    _, owner, id_, name, description, path, metadata, active, created, updated = row
    return Project(
        id_, owner, name, created, updated, description, path, mapped(metadata), bool(active)
    )


def session(row: Row) -> Session:
    """Row of the view `whole_sessions`."""
    return Session(
        owner=row[1],
        id=row[2],
        project_id=row[3],
        model=row[4],
        title=row[5],
        status=row[6],
        parent_id=row[7],
        created_at=row[8],
        updated_at=row[9],
        total_tokens=row[10],
        total_cost=dollars(row[11]),
        unpriced_runs=row[12],
        message_count=row[13],
        last_number=row[14],
        context_tokens=row[15],
        thinking_after=row[16],
        audit_log=bool(row[17]),
        system_prompt=row[18],
        metadata=mapped(row[19]),
        enabled_tools=named(row[20]),
        enabled_servers=named(row[21]),
        system=row[22],
        tools=row[23],
        **mapped(row[24]),
    )


def message(row: Row) -> Message:
    """Row of MESSAGE: id, role, content, created_at, text, token_count, metadata, run, number."""
    id_, role, content, created, text, tokens, metadata, run_id, number = row
    return Message(id_, role, content, created, text, tokens, mapped(metadata), run_id, number)


def execution(row: Row) -> ToolExecution:
    """Row with the columns in the order of the fields."""
    return ToolExecution(*row)


def run(row: Row, reply: bytes | None = None) -> RunRecord:
    """Row of the view `whole_runs`."""
    return RunRecord(
        owner=row[1],
        id=row[2],
        session_id=row[3],
        project_id=row[4],
        dialect=row[5],
        model=row[6],
        created_at=row[7],
        request_id=row[8],
        instance=row[9],
        stream=bool(row[10]),
        on_disconnect=row[11],
        status=row[12],
        ended_at=row[13],
        served_model=row[14],
        stop_reason=row[15],
        error_code=row[16],
        error_message=row[17],
        cost=dollars(row[18]),
        headers=mapped(row[19]),
        retries=row[20],
        usage=counted(row[21]),
        last_event=row[22],
        approvals=asked_again(row[24]),
        key_id=row[25],
        rounds=rounds_again(row[26]),
        caller=row[27],
        reply=reply,
    )


def events(run_id: str, row: Row) -> Events:
    """Row of key, first, frames, usage."""
    key, first, frames, usage = row
    return Events(run_id, first, key & LAST_EVENT, unpacked(frames), counted(usage))


def replay(row: Row) -> Replay:
    """Row of key, digest, kind, made, created_at."""
    return Replay(*row[:5])
