"""The hot path: what is written when a turn begins, goes on and ends."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from claude_gateway import (
    Conflict,
    Events,
    GatewayError,
    Message,
    NotFound,
    RunEnd,
    RunRecord,
    Session,
    TurnStart,
    address,
)
from claude_gateway_sqlite import messages, projects, replays, rows, sessions
from claude_gateway_sqlite.desk import Desk, Going, Texts
from claude_gateway_sqlite.packing import packed
from claude_gateway_sqlite.procedures import BEGIN, BEGIN_AGAIN, BEGIN_ANEW, END
from claude_gateway_sqlite.schema import EVENT_BITS, LAST_EVENT

LAST_RUN = "SELECT seq FROM sqlite_sequence WHERE name = 'runs'"
SUPERSEDE = """
UPDATE messages SET superseded = 1
WHERE session = ? AND number > ? AND number <= ? AND superseded = 0
"""
SHRINK = "UPDATE sessions SET message_count = message_count - ? WHERE owner = ? AND ref = ?"

LIVE = "SELECT ref, session, owner FROM runs WHERE id = ? AND ended_at IS NULL"
GET = """
SELECT w.*, p.reply FROM whole_runs w LEFT JOIN replies p ON p.run = w.ref
WHERE w.owner = ? AND w.id = ?
"""
OF_OWNER = "SELECT ref, session, owner FROM runs WHERE owner = ? AND id = ?"
ADD_EVENTS = "INSERT OR REPLACE INTO events(key, first, frames, usage) VALUES(?, ?, ?, ?)"
LAST_NUMBER = "SELECT last_number FROM sessions WHERE owner = ? AND ref = ?"

NO_RUN = "There is no such run."
TWICE = "There is a run of this id already."
STALE = "The session has gone on, or was changed, since it was looked at."

NO_MESSAGE: tuple[object, ...] = (None,) * 8
NO_EVENTS: tuple[object, ...] = (None,) * 4


def begin(desk: Desk, start: TurnStart) -> RunRecord:
    """Begin a run, and return it, or the one that the same request began before."""
    run, wanted = start.run, start.session
    before = replays.made_before(desk, run.payer, start.replay)
    if before is not None and (found := _counting(desk, run.owner, before[3])) is not None:
        return found
    if wanted is None:
        ref = None if run.session_id is None else desk.session(run.owner, run.session_id)
        _begin(desk, start, ref)
    elif start.new_session:
        ref = sessions.add(desk, wanted, len(start.messages), run.created_at)
        _begin(desk, start, ref)
    else:
        ref = _go_on(desk, start, wanted)
    if start.project is not None:
        projects.add(desk, start.project)
    if ref is not None and len(start.messages) > 1:
        messages.add(desk, ref, _newest(start) + 2, start.messages[1:])
    if before is not None:
        replays.forget(desk, run.payer, before[0])
    replays.keep(desk, run.payer, start.replay)
    return run


def _counting(desk: Desk, owner: str, run_id: str) -> RunRecord | None:
    """Return a run that is more than an attempt at which the model said nothing."""
    row = desk.cur.execute(GET, (owner, run_id)).fetchone()
    found = None if row is None else rows.run(row, row[-1])
    failed = found is not None and found.status == "failed" and found.served_model is None
    return None if failed else found


def _newest(start: TurnStart) -> int:
    return 0 if start.new_session else start.expected


def _go_on(desk: Desk, start: TurnStart, wanted: Session) -> int:
    """Begin a turn in a session that is there; return its ref."""
    ref = desk.session(wanted.owner, wanted.id)
    texts = sessions.texts(wanted)
    known = desk.knows(ref, texts)
    try:
        _begin(desk, start, ref, wanted, None if known else texts)
    except Conflict:
        # Perhaps the session that was known by this id is gone, and another one has it now.
        if desk.session(wanted.owner, wanted.id, look=True) == ref:
            raise
        ref, known = desk.session(wanted.owner, wanted.id), False
        _begin(desk, start, ref, wanted, texts)
    if not known:
        desk.know(ref, texts)
    if start.keep is not None and start.keep < start.expected:
        gone = desk.cur.execute(SUPERSEDE, (ref, start.keep, start.expected)).rowcount
        desk.cur.execute(SHRINK, (gone, wanted.owner, ref))
    return ref


def _begin(
    desk: Desk,
    start: TurnStart,
    ref: int | None,
    goes_on: Session | None = None,
    texts: Texts | None = None,
) -> None:
    """Begin a run; the session it `goes_on` with is looked at, and its long texts where they may have changed."""
    run, number = start.run, _next_run(desk)
    first = _message(start.messages[0]) if ref is not None and start.messages else NO_MESSAGE
    values = (
        *(number, run.id, run.owner, ref, run.project_id, run.dialect, run.model),
        *(run.created_at, run.request_id, run.instance, int(run.stream), run.on_disconnect),
        *(run.status, rows.mapping(run.headers), run.retries, run.key_id, run.caller),
    )
    try:
        if goes_on is None:
            desk.cur.execute(BEGIN_ANEW, (*values, *first))
        elif texts is None:
            desk.cur.execute(BEGIN_AGAIN, (*values, *_session(start, goes_on), *first))
        else:
            desk.cur.execute(BEGIN, (*values, *_session(start, goes_on), 1, *texts, *first))
    except sqlite3.IntegrityError as exc:
        raise _refusal(exc) from None
    desk.goes_on(run.id, Going(number, ref, run.owner))


def _session(start: TurnStart, wanted: Session) -> tuple[object, ...]:
    return (
        *(wanted.id, start.expected, start.seen, len(start.messages), wanted.model, wanted.title),
        *(wanted.status, wanted.thinking_after, int(wanted.audit_log)),
    )


def _message(message: Message) -> tuple[object, ...]:
    return (
        *(message.id, message.role, message.content, message.text, message.created_at),
        *(message.token_count, rows.mapping(message.metadata), message.run_id),
    )


def _refusal(exc: sqlite3.IntegrityError) -> GatewayError:
    if exc.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return Conflict(STALE, code="stale_session")
    return Conflict(TWICE, code="exists")


def _next_run(desk: Desk) -> int:
    """Return a number that no run has had."""
    if desk.last_run is None:
        row = desk.cur.execute(LAST_RUN).fetchone()
        desk.last_run = row[0] if row else 0
    desk.last_run += 1
    return desk.last_run


def append(desk: Desk, events: Sequence[Events]) -> None:
    for chunk in events:
        going = desk.live.get(chunk.run_id)
        if going is None:
            row = desk.cur.execute(LIVE, (chunk.run_id,)).fetchone()
            if row is None:
                continue
            going = Going(*row)
            desk.goes_on(chunk.run_id, going)
        desk.cur.execute(ADD_EVENTS, _events(going.run, chunk))


def _events(run: int, chunk: Events) -> tuple[object, ...]:
    return *_frames(run, chunk), rows.counts(chunk.usage)


def _frames(run: int, chunk: Events) -> tuple[int, int, bytes]:
    if not 0 < chunk.last <= LAST_EVENT:
        raise ValueError(f"an event cannot have the number {chunk.last}")
    key = run << EVENT_BITS | chunk.last
    return key, chunk.first, packed(chunk.frames)


def end(desk: Desk, wanted: RunEnd) -> None:
    run = wanted.run
    going = _going(desk, run)
    used = rows.counts(run.usage)
    events = NO_EVENTS
    if wanted.events is not None:
        same = wanted.events.usage is run.usage
        usage = used if same else rows.counts(wanted.events.usage)
        events = (*_frames(going.run, wanted.events), usage)
    added = wanted.messages if going.session is not None else ()
    first = _message(added[0]) if added else NO_MESSAGE
    before = desk.changed()
    desk.cur.execute(END, (*_over(wanted, going, len(added), used), *events, *first))
    if len(added) > 1 and desk.changed() > before + 1:  # more than the ledger alone
        row = desk.cur.execute(LAST_NUMBER, (run.owner, going.session)).fetchone()
        if row is not None and going.session is not None:
            messages.add(desk, going.session, row[0] - len(added) + 2, added[1:])


def _going(desk: Desk, run: RunRecord) -> Going:
    """Return where a run is kept. Raises NotFound."""
    going = desk.live.get(run.id)
    if going is not None and going.owner == run.owner:
        del desk.live[run.id]
        return going
    row = desk.cur.execute(OF_OWNER, (run.owner, run.id)).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    return Going(*row)


def _called(run: RunRecord, id_: str | None) -> str | None:
    """Return what whoever pays for the run calls its project or session."""
    return id_ if id_ is None or run.caller is None else address(run.owner, id_)


def _over(wanted: RunEnd, going: Going, added: int, counts: str | None) -> tuple[object, ...]:
    run, used = wanted.run, wanted.run.usage
    ended = time.time() if run.ended_at is None else run.ended_at
    return (
        *(going.run, run.owner, run.payer, going.session, rows.day(ended), run.model),
        *(run.served_model, _called(run, run.project_id), _called(run, run.session_id)),
        *(run.status, used.input_tokens, used.output_tokens),
        *(used.cache_creation_input_tokens, used.cache_read_input_tokens, used.thinking_tokens),
        *(used.ephemeral_5m_input_tokens, used.ephemeral_1h_input_tokens),
        *(rows.money(run.cost), run.retries, run.key_id, rows.rounds(run.rounds), ended),
        *(run.stop_reason, run.error_code),
        *(run.error_message, counts, run.last_event, rows.mapping(run.headers)),
        *(run.reply, added, used.total_tokens, wanted.context_tokens, int(wanted.forget_thinking)),
    )
