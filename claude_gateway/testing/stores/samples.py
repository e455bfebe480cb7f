"""Things to store."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from claude_gateway.errors import NotFound
from claude_gateway.stores import Store
from claude_gateway.types.resources import Message, Page, Project, Session, SessionFilter
from claude_gateway.types.turns import Events, Replay, RunEnd, RunRecord, TurnStart
from claude_gateway.types.usage import Usage

ADA, EVE = "ada", "eve"
ALL, EVERY = Page(1000), SessionFilter()
USAGE = Usage(10, 5, 3, 2, 1, 2, 1, "standard", "eu")
START = time.time()

# What ids, titles and words must survive, and what must never be read as part of a query.
ODD = (
    *("", " ", "'", '"', "''; DROP TABLE sessions; --", 'x" OR "1"="1', "a\0b", "%", "_", "*", "-"),
    *(
        "NEAR(a b)",
        "a AND NOT b",
        "col:x",
        "^a",
        "(",
        "\\",
        "%s",
        "{}",
        "a/b?c#d",
        "..",
        "\u202eabc",
    ),
    *("Grüße", "你好 世界", "👩‍👩‍👧‍👦", "🦊", "e\u0301", "x" * 5000, "null", "None", "0", "-1"),
)


def project(id_: str = "p", owner: str = ADA, *, at: float = START, name: str = "") -> Project:
    """Return a project."""
    return Project(id_, owner, name or f"Project {id_}"[:60], at, at, metadata={"of": owner})


def session(id_: str = "s", owner: str = ADA, *, at: float = START, **fields: object) -> Session:
    """Return a session of the default project."""
    values: dict[str, object] = {"project_id": "default", "model": "claude-test", **fields}
    return Session(id_, owner, created_at=at, updated_at=at, **values)  # type: ignore[arg-type]


def message(text: str = "Hello", role: str = "user", **fields: object) -> Message:
    """Return a message; its content is JSON as nobody would write it twice."""
    content = b' { "text" :' + json.dumps(text).encode() + b', "n": 1.0e3 , "z":-0.0}'
    values: dict[str, object] = {"text": text, "created_at": START, **fields}
    return Message(f"msg_{role}_{text}"[:60], role, content, **values)  # type: ignore[arg-type]


def run(id_: str = "run_1", owner: str = ADA, session_id: str | None = "s") -> RunRecord:
    """Return a run that goes on."""
    return RunRecord(
        id_,
        owner,
        dialect="openai",
        model="claude-test",
        created_at=START,
        session_id=session_id,
        project_id="default",
        request_id="req_1",
        instance="gone",
        headers={"x-gateway-model": "claude-test"},
    )


def starting(
    id_: str = "run_1", owner: str = ADA, session_id: str = "s", *said: str, **fields: object
) -> TurnStart:
    """Return the start of a turn in a new session, with messages of the user's."""
    values: dict[str, object] = {"new_session": True, "session": session(session_id, owner)}
    return TurnStart(
        run(id_, owner, session_id),
        messages=[message(text, run_id=id_) for text in said or ("Hello",)],
        **{**values, **fields},  # type: ignore[arg-type]
    )


def ended(
    begun: RunRecord, *said: str, cost: Decimal | None = Decimal("0.25"), **fields: object
) -> RunEnd:
    """Return the good end of a run."""
    over = replace(
        begun,
        status="completed",
        ended_at=begun.created_at + 1,
        served_model="claude-test-1",
        stop_reason="end_turn",
        usage=USAGE,
        cost=cost,
    )
    answers = [message(text, "assistant", run_id=begun.id) for text in said or ("Hi",)]
    return RunEnd(over, answers, **fields)  # type: ignore[arg-type]


def chunk(run_id: str, first: int, last: int, frames: bytes = b"") -> Events:
    """Return frames of a run."""
    return Events(run_id, first, last, frames or b"data: %d-%d\n\n" % (first, last), USAGE)


def replay(made: str, kind: str = "run", digest: str = "d", key: str = "key") -> Replay:
    """Return a request that may be sent again."""
    return Replay(key, digest, kind, made, START)  # type: ignore[arg-type]


async def turn(store: Store, id_: str, session_id: str = "s", owner: str = ADA) -> RunRecord:
    """Begin and end a turn in a session that may be new."""
    try:
        kept = await store.get_session(owner, session_id)
    except NotFound:
        begun = await store.begin_turn(starting(id_, owner, session_id))
    else:
        start = starting(
            id_, owner, session_id, session=kept, new_session=False, expected=kept.last_number
        )
        begun = await store.begin_turn(start)
    await store.end_run(ended(begun))
    return begun


def texts(messages: Sequence[Message]) -> list[str]:
    """Return what they say."""
    return [one.text for one in messages]


def ids(things: Sequence[Project] | Sequence[Session] | Sequence[RunRecord]) -> list[str]:
    """Return their ids."""
    return [thing.id for thing in things]
