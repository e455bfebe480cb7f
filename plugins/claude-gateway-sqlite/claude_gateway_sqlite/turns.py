"""The hot path: what is written when a turn begins, goes on and ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from claude_gateway import Conflict, Events, NotFound, RunEnd, RunRecord, Session, TurnStart
from claude_gateway_sqlite import messages, projects, replays, rows, sessions
from claude_gateway_sqlite.schema import EVENT_BITS, LAST_EVENT
from claude_gateway_sqlite.writer import Desk, Going

ADD_RUN = """
INSERT INTO runs(
    id, owner, session, project_id, dialect, model, created_at, request_id, instance, stream,
    on_disconnect, status, headers, retries
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
# What may have been replaced is told, so that it is only written when it was.
GROW = """
UPDATE sessions SET last_number = last_number + ?1, message_count = message_count + ?1,
    updated_at = max(updated_at, ?2)
WHERE owner = ?3 AND id = ?4 AND last_number = ?5
RETURNING ref, model, title, status, thinking_after, audit_log
"""
SUPERSEDE = """
UPDATE messages SET superseded = 1
WHERE session = ? AND number > ? AND number <= ? AND superseded = 0
"""
SHRINK = "UPDATE sessions SET message_count = message_count - ? WHERE owner = ? AND ref = ?"

LIVE = "SELECT ref, session, owner FROM runs WHERE id = ? AND ended_at IS NULL"
ADD_EVENTS = "INSERT OR REPLACE INTO events(key, first, frames, usage) VALUES(?, ?, ?, ?)"

ATTEMPT = "SELECT status, served_model FROM runs WHERE owner = ? AND id = ?"
OF_OWNER = "SELECT ref, session FROM runs WHERE owner = ? AND id = ?"
BOOK = """
INSERT INTO ledger(
    run, owner, day, model, served_model, project_id, session_id, status, input_tokens,
    output_tokens, cache_creation_input_tokens, cache_read_input_tokens, thinking_tokens,
    ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, cost, retries
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
END_RUN = """
UPDATE runs SET status = ?, ended_at = ?, served_model = ?, stop_reason = ?, error_code = ?,
    error_message = ?, usage = ?, cost = ?, last_event = ?, headers = ?, retries = ?
WHERE owner = ? AND ref = ?
"""
ADD_REPLY = "INSERT INTO replies(run, reply) VALUES(?, ?)"
SETTLE = """
UPDATE sessions SET last_number = last_number + ?1, message_count = message_count + ?1,
    updated_at = max(updated_at, ?2), total_tokens = total_tokens + ?3,
    total_cost = CASE WHEN ?4 IS NULL THEN total_cost ELSE coalesce(total_cost, 0) + ?4 END,
    unpriced_runs = unpriced_runs + (?4 IS NULL),
    context_tokens = coalesce(?5, context_tokens)
WHERE owner = ?6 AND ref = ?7 RETURNING last_number
"""

STALE = "The session has gone on since: its newest message is not the one that was expected."


def begin(desk: Desk, start: TurnStart) -> str | None:
    """Begin a run; return the id of the one that the same request began before, if there is one."""
    run = start.run
    if (before := replays.made_before(desk, run.owner, start.replay)) is not None:
        if _counts(desk, run.owner, before[3]):
            return str(before[3])
        replays.forget(desk, run.owner, before[0])
    session = _session(desk, start)
    if start.project is not None:
        projects.add(desk, start.project)
    values = (
        *(run.id, run.owner, session, run.project_id, run.dialect, run.model, run.created_at),
        *(run.request_id, run.instance, run.stream, run.on_disconnect, run.status),
        *(rows.mapping(run.headers), run.retries),
    )
    cur = desk.cur.execute(ADD_RUN, values)
    if cur.rowcount == 0:
        raise Conflict("There is a run of this id already.", code="exists")
    assert cur.lastrowid is not None  # noqa: S101  # a row was added
    desk.live[run.id] = Going(cur.lastrowid, session, run.owner)
    replays.keep(desk, run.owner, start.replay)
    return None


def _counts(desk: Desk, owner: str, run_id: str) -> bool:
    """Whether a run was more than an attempt at which the model said nothing."""
    row = desk.cur.execute(ATTEMPT, (owner, run_id)).fetchone()
    return row is not None and (row[0] != "failed" or row[1] is not None)


def _session(desk: Desk, start: TurnStart) -> int | None:
    """Make the session, or bring it up to date; then add the messages."""
    run, wanted, last = start.run, start.session, 0
    if wanted is None:
        return None if run.session_id is None else sessions.find(desk, run.owner, run.session_id)
    if start.new_session:
        ref = sessions.add(desk, wanted)
        if start.messages:
            desk.cur.execute(messages.GROW, (len(start.messages), 0, wanted.owner, wanted.id))
            desk.cur.fetchone()
    else:
        ref, last = _grown(desk, start, wanted), start.expected
        desk.cur.execute(sessions.CHANGE_TEXTS, (ref, *sessions.texts(wanted)))
        if start.keep is not None and start.keep < last:
            gone = desk.cur.execute(SUPERSEDE, (ref, start.keep, last)).rowcount
            desk.cur.execute(SHRINK, (gone, wanted.owner, ref))
    if start.messages:
        messages.add(desk, ref, last + 1, start.messages)
    return ref


def _grown(desk: Desk, start: TurnStart, wanted: Session) -> int:
    """Count the messages that will be added. Raises when they do not fit behind the newest."""
    values = (len(start.messages), start.run.created_at, wanted.owner, wanted.id, start.expected)
    row = desk.cur.execute(GROW, values).fetchone()
    if row is None:
        sessions.find(desk, wanted.owner, wanted.id)
        raise Conflict(STALE, code="stale_session")
    ref, *stored = row
    if stored != [
        *(wanted.model, wanted.title, wanted.status, wanted.thinking_after, wanted.audit_log)
    ]:
        kept = sessions.get(desk, wanted.owner, wanted.id)
        fixed = replace(wanted, project_id=kept.project_id, context_tokens=kept.context_tokens)
        sessions.write(desk, ref, fixed)
    return int(ref)


def append(desk: Desk, events: Sequence[Events]) -> None:
    for chunk in events:
        going = desk.live.get(chunk.run_id)
        if going is None:
            row = desk.cur.execute(LIVE, (chunk.run_id,)).fetchone()
            if row is None:
                continue
            going = desk.live[chunk.run_id] = Going(*row)
        _add_events(desk, going.run, chunk)


def _add_events(desk: Desk, run: int, chunk: Events) -> None:
    if not 0 < chunk.last <= LAST_EVENT:
        raise ValueError(f"an event cannot have the number {chunk.last}")
    key = run << EVENT_BITS | chunk.last
    desk.cur.execute(ADD_EVENTS, (key, chunk.first, chunk.frames, rows.counts(chunk.usage)))


def end(desk: Desk, wanted: RunEnd) -> None:
    """End a run: into the ledger first, which knows whether it was ended before."""
    run = wanted.run
    ref, session = _going(desk, run)
    ended = time.time() if run.ended_at is None else run.ended_at
    if not _booked(desk, ref, run, ended):
        return
    if session is not None and not _settled(desk, session, wanted, ended):
        return  # the session was deleted meanwhile, and the run with it
    values = (
        *(run.status, ended, run.served_model, run.stop_reason, run.error_code),
        *(run.error_message, rows.counts(run.usage), rows.money(run.cost), run.last_event),
        *(rows.mapping(run.headers), run.retries, run.owner, ref),
    )
    if desk.cur.execute(END_RUN, values).rowcount == 0:
        return
    if run.reply is not None:
        desk.cur.execute(ADD_REPLY, (ref, run.reply))
    if wanted.events is not None:
        _add_events(desk, ref, wanted.events)


def _going(desk: Desk, run: RunRecord) -> tuple[int, int | None]:
    """Return the refs of a run and of its session. Raises NotFound."""
    going = desk.live.get(run.id)
    if going is None or going.owner != run.owner:
        row = desk.cur.execute(OF_OWNER, (run.owner, run.id)).fetchone()
        if row is None:
            raise NotFound("There is no such run.")
        return row[0], row[1]
    del desk.live[run.id]
    return going.run, going.session


def _booked(desk: Desk, ref: int, run: RunRecord, ended: float) -> bool:
    """Write what it used and cost; return whether that had not been done yet."""
    u = run.usage
    values = (
        *(ref, run.owner, rows.day(ended), run.model, run.served_model, run.project_id),
        *(run.session_id, run.status, u.input_tokens, u.output_tokens),
        *(u.cache_creation_input_tokens, u.cache_read_input_tokens, u.thinking_tokens),
        *(u.ephemeral_5m_input_tokens, u.ephemeral_1h_input_tokens),
        *(rows.money(run.cost), run.retries),
    )
    return desk.cur.execute(BOOK, values).rowcount == 1


def _settled(desk: Desk, session: int, wanted: RunEnd, ended: float) -> bool:
    """Add to the session's totals and messages; return whether it is still there."""
    run, added = wanted.run, len(wanted.messages)
    numbers = (added, ended, run.usage.total_tokens, rows.money(run.cost), wanted.context_tokens)
    row = desk.cur.execute(SETTLE, (*numbers, run.owner, session)).fetchone()
    if row is not None and added:
        messages.add(desk, session, row[0] - added + 1, wanted.messages)
    return row is not None
