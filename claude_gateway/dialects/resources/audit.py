"""The audit log as clients ask for it and read it: in windows, or as a whole file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import get_args

import orjson

from claude_gateway import sse
from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.resources.reading import choice
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.stores import KeepsAudit
from claude_gateway.types.trust import AuditEntry, AuditFilter, CallOutcome

FORMATS: Mapping[str, str] = {  # and their media types
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv",
}
OUTCOMES: tuple[str, ...] = get_args(CallOutcome)
LONGEST = 200  # characters of what is filtered by
PIECE = 200  # entries that are read and written at a time
COLUMNS = (
    *("number", "at", "principal", "server", "tool", "outcome", "duration_ms", "session_id"),
    *("run_id", "project_id", "call_id", "arguments_sha256", "arguments_bytes", "arguments"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how spreadsheets know what they shall reckon


def read_filter(query: Mapping[str, str]) -> AuditFilter:
    """Read which entries are wanted. Raises InvalidRequest naming what is wrong."""
    return AuditFilter(
        session_id=_word(query, "session_id"),
        server=_word(query, "server"),
        tool=_word(query, "tool"),
        outcome=choice(query, "outcome", OUTCOMES),
        since=_time(query, "since", 0.0),
        until=_time(query, "until", inf),
    )


def written(entry: AuditEntry) -> dict[str, object]:
    """One call, as clients read it."""
    arguments = entry.arguments
    return {
        **_plain(entry),
        "arguments": None if arguments is None else orjson.Fragment(arguments),
    }


async def exported(
    store: KeepsAudit, owner: str | None, only: AuditFilter, form: str
) -> AsyncGenerator[bytes]:
    """Write the whole log in one of FORMATS, piece by piece, the newest call first."""
    last: AuditEntry | None = None
    yield {"json": b"[", "csv": _line(COLUMNS)}.get(form, b"")
    while entries := await store.read_audit(owner, only, PIECE, last):
        yield _piece(entries, form, first=last is None)
        last = entries[-1]
    yield b"]\n" if form == "json" else b""


def _piece(entries: Sequence[AuditEntry], form: str, *, first: bool) -> bytes:
    if form == "csv":
        return b"".join(_line(_cells(entry)) for entry in entries)
    lines = [_on_one_line(sse.compact(written(entry))) for entry in entries]
    if form == "jsonl":
        return b"".join(line + b"\n" for line in lines)
    return (b"" if first else b",\n") + b",\n".join(lines)


def _plain(entry: AuditEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": moment(entry.at),
        "principal": entry.owner,
        "server": entry.server or None,
        "tool": entry.tool,
        "outcome": entry.outcome,
        "duration_ms": entry.duration_ms,
        "session_id": entry.session_id,
        "run_id": entry.run_id,
        "project_id": entry.project_id,
        "call_id": entry.call_id,
        "arguments_sha256": entry.digest,
        "arguments_bytes": entry.size,
    }


def _cells(entry: AuditEntry) -> list[object]:
    arguments = b"" if entry.arguments is None else _on_one_line(entry.arguments)
    return [*_plain(entry).values(), arguments.decode(errors="replace")]


def _line(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(map(_harmless, cells))
    return line.getvalue().encode()


def _harmless(cell: object) -> object:
    """Names are strangers' words: none may become a formula in a spreadsheet."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _on_one_line(json: bytes) -> bytes:
    """A line break inside JSON that was kept is only layout."""
    return json.replace(b"\r", b"").replace(b"\n", b"")


def _word(query: Mapping[str, str], key: str) -> str:
    given = query.get(key, "")
    if len(given) > LONGEST:
        wrong(key, f"must have at most {LONGEST} characters")
    return given


def _time(query: Mapping[str, str], key: str, default: float) -> float:
    given = query.get(key, "")
    if not given:
        return default
    try:
        told = datetime.fromisoformat(given)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        wrong(key, f"must be a time such as 2027-01-31T12:00:00Z, not {given[:50]!r}")
