"""Runs: how they begin and end, what is logged of them, how they are found again."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace

from claude_gateway import (
    Conflict,
    Events,
    Listing,
    NotFound,
    Page,
    Replay,
    RunEnd,
    RunRecord,
    TurnStart,
)
from claude_gateway_sqlite import replays, rows, turns
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.instances import Instances
from claude_gateway_sqlite.packing import packed, unpacked
from claude_gateway_sqlite.projects import Change
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.schema import EVENT_BITS, LAST_EVENT
from claude_gateway_sqlite.turns import GET
from claude_gateway_sqlite.writer import Writer

CHANGEABLE = frozenset(
    {
        *("model", "status", "served_model", "stop_reason", "error_code", "error_message"),
        *("usage", "cost", "headers", "retries", "on_disconnect", "request_id"),
        *("approvals", "instance"),
    }
)

LIST = """
SELECT * FROM whole_runs WHERE owner = ?1 AND (?2 = '' OR status = ?2)
ORDER BY created_at DESC, ref DESC LIMIT ?3 OFFSET ?4
"""
COUNT = """
SELECT count(*) FROM runs r LEFT JOIN sessions s ON s.ref = r.session
WHERE r.owner = ?1 AND (?2 = '' OR r.status = ?2) AND (r.session IS NULL OR s.owner = r.owner)
"""
LIST_OF_SESSION = """
SELECT * FROM whole_runs WHERE session = (SELECT ref FROM sessions WHERE owner = ?1 AND id = ?5)
    AND owner = ?1 AND (?2 = '' OR status = ?2)
ORDER BY created_at DESC, ref DESC LIMIT ?3 OFFSET ?4
"""
COUNT_OF_SESSION = """
SELECT count(*) FROM runs WHERE session = (SELECT ref FROM sessions WHERE owner = ?1 AND id = ?3)
    AND owner = ?1 AND (?2 = '' OR status = ?2)
"""
GOING_ON = "SELECT * FROM whole_runs WHERE ended_at IS NULL AND instance <> ?"
CHANGE = """
UPDATE runs SET model = ?, status = ?, served_model = ?, stop_reason = ?, error_code = ?,
    error_message = ?, usage = ?, cost = ?, headers = ?, retries = ?, on_disconnect = ?,
    request_id = ?, approvals = ?, instance = ?
WHERE owner = ? AND id = ?
"""
PARK = "INSERT OR REPLACE INTO parked(run, state) VALUES(?, ?)"
STATE = """
SELECT p.state FROM whole_runs w JOIN parked p ON p.run = w.ref
WHERE w.owner = ? AND w.id = ? AND w.ended_at IS NULL
"""
# Frames are this much larger than what is kept of them, more or less.
PACKED = 8
# The last of the rows that begin within so many bytes; whether there is a run is told as well.
EVENTS = """
SELECT e.key, e.first, e.frames, e.usage
FROM whole_runs w LEFT JOIN events e
    ON e.key > (w.ref << 30) + ?3 AND e.key < (w.ref + 1) << 30 AND e.key <= (
        SELECT max(key) FROM (
            SELECT key, sum(length(frames)) OVER (ORDER BY key) - length(frames) AS before
            FROM events WHERE key > (w.ref << 30) + ?3 AND key < (w.ref + 1) << 30
        ) WHERE before < ?4 OR before = 0
    )
WHERE w.owner = ?1 AND w.id = ?2 ORDER BY e.key
"""

NONE = "There is no such run."


class Runs:
    """The part of the store that keeps runs."""

    _writer: Writer
    _readers: Readers
    _instances: Instances

    def begin_turn(self, start: TurnStart) -> Awaitable[RunRecord]:
        return self._writer.do(turns.begin, start)

    async def append_events(self, events: Sequence[Events]) -> None:
        await self._writer.do(turns.append, events)

    async def end_run(self, end: RunEnd) -> None:
        await self._writer.do(turns.end, end)

    async def update_run(self, owner: str, run_id: str, changes: Mapping[str, object]) -> RunRecord:
        await self._writer.do(change, Change(owner, run_id, changes))
        return await self.get_run(owner, run_id)

    async def park_run(self, run: RunRecord, state: bytes, events: Events | None = None) -> None:
        await self._writer.do(park, (run, state, events))

    async def parked_state(self, owner: str, run_id: str) -> bytes:
        row = await self._readers.row(STATE, (owner, run_id))
        if row is None:
            raise NotFound(NONE)
        return unpacked(row[0])

    async def get_run(self, owner: str, run_id: str) -> RunRecord:
        row = await self._readers.row(GET, (owner, run_id))
        if row is None:
            raise NotFound(NONE)
        return rows.run(row, row[-1])

    async def list_runs(
        self, owner: str, page: Page, *, session_id: str = "", status: str = ""
    ) -> Listing[RunRecord]:
        only, window = (owner, status), (page.limit, page.offset)
        if session_id:
            listed = await self._readers.rows(LIST_OF_SESSION, (*only, *window, session_id))
            counted = await self._readers.rows(COUNT_OF_SESSION, (*only, session_id))
        else:
            listed = await self._readers.rows(LIST, (*only, *window))
            counted = await self._readers.rows(COUNT, only)
        return Listing([rows.run(row) for row in listed], counted[0][0])

    async def read_events(
        self, owner: str, run_id: str, after: int = 0, most_bytes: int = 1 << 20
    ) -> Sequence[Events]:
        after = min(max(after, 0), LAST_EVENT)  # never among the events of another run
        found = await self._readers.rows(EVENTS, (owner, run_id, after, most_bytes // PACKED))
        if not found:
            raise NotFound(NONE)
        read: list[Events] = []
        for row in found:
            if row[0] is None or (read and most_bytes <= 0):
                break
            read.append(rows.events(run_id, row))
            most_bytes -= len(read[-1].frames)
        return read

    async def orphaned_runs(self) -> Sequence[RunRecord]:
        found = await self._readers.rows(GOING_ON, (self._instances.own,))
        runs = [rows.run(row) for row in found]
        gone = self._instances.gone({run.instance for run in runs})
        return [run for run in runs if run.instance in gone]

    async def find_replay(self, owner: str, key: str) -> Replay | None:
        row = await self._readers.row(replays.FIND, (owner, key))
        return rows.replay(row) if row else None


def change(desk: Desk, wanted: Change) -> None:
    wanted.check(CHANGEABLE)
    row = desk.cur.execute(GET, (wanted.owner, wanted.id)).fetchone()
    if row is None:
        raise NotFound(NONE)
    before = rows.run(row)
    if before.over:
        raise Conflict("The run has ended.", code="run_ended")
    run: RunRecord = replace(before, **wanted.fields)  # type: ignore[arg-type]
    _write(desk, run)


def park(desk: Desk, wanted: tuple[RunRecord, bytes, Events | None]) -> None:
    run, state, events = wanted
    row = desk.cur.execute(GET, (run.owner, run.id)).fetchone()
    if row is None or rows.run(row).over:
        raise NotFound(NONE)
    _write(desk, run)
    desk.cur.execute(PARK, (row[0], packed(state)))
    if events is not None:
        turns.append(desk, [events])


def _write(desk: Desk, run: RunRecord) -> None:
    values = (
        *(run.model, run.status, run.served_model, run.stop_reason, run.error_code),
        *(run.error_message, rows.counts(run.usage), rows.money(run.cost)),
        *(rows.mapping(run.headers), run.retries, run.on_disconnect, run.request_id),
        *(rows.asked(run.approvals), run.instance),
    )
    desk.cur.execute(CHANGE, (*values, run.owner, run.id))


assert EVENT_BITS == 30  # noqa: PLR2004, S101  # what the statements above count with
