"""What a visitor's change begins with, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable

from claude_gateway import Conflict, Role, RunRecord, Session, TurnStart, Visitor
from claude_gateway_sqlite import turns
from claude_gateway_sqlite.admission import OF_RUN, check_project, check_session, judge_run
from claude_gateway_sqlite.desk import Desk


def in_project(who: Visitor, project_id: str, need: Role) -> Callable[[Desk], object]:
    return lambda desk: check_project(desk, who, project_id, need)


def in_session(who: Visitor, session_id: str, need: Role) -> Callable[[Desk], object]:
    return lambda desk: check_session(desk, who, session_id, need)


def of_turn(start: TurnStart, by: Visitor) -> Callable[[Desk], object]:
    """Return what a turn needs; one in no session is in no project."""
    session = start.session
    if session is None:
        return lambda desk: None
    if start.new_session:
        return in_project(by, session.project_id, "editor")
    return in_session(by, session.id, "editor")


def now_of(desk: Desk, who: Visitor, session: Session) -> Session:
    """Return a session; what the same request made before may be where the visitor is not let in now."""
    check_session(desk, who, session.id, "viewer")
    return session


def begun(desk: Desk, start: TurnStart) -> RunRecord:
    """Begin it. Whoever may not know of a session is not told that its id is taken."""
    try:
        run = turns.begin(desk, start)
    except Conflict as exc:
        if exc.code == "exists" and start.by is not None and start.session is not None:
            check_session(desk, start.by, start.session.id, "editor")
        raise
    if start.by is not None and run.id != start.run.id:  # what the same request began before
        row = desk.cur.execute(OF_RUN, (run.id, start.by.id)).fetchone()
        judge_run(start.by, row, "viewer")
    return run
