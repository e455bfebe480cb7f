"""Runs as they are kept: their state, their events, how they begin and end in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import Literal

from claude_gateway.types.approvals import AskedCall
from claude_gateway.types.resources import Message, Project, Session
from claude_gateway.types.sharing import Visitor
from claude_gateway.types.usage import NOTHING, Usage
from claude_gateway.types.values import value

RunStatus = Literal[
    "queued", "running", "awaiting_approval", "completed", "failed", "cancelled", "interrupted"
]
Disconnect = Literal["cancel", "detach"]

ENDED: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled", "interrupted"})


@value
class RunRecord:
    """One assistant turn as a store keeps it. Times are seconds since 1970, costs US dollars.

    `dialect` names the API whose frames its events are; `last_event` is the number of the newest.
    `reply` is the whole answer as it was sent to a client that did not stream, and `headers` are
    those of the answer worth repeating. `instance` is the process that runs it, `retries` how often upstream was asked again.
    `key_id` is the key that asked for it, where the gateway has issued that. `rounds` are what each call of the
    model used, empty where there was only one or nobody knows. `caller` is who asked for it, where that is not the owner. `approvals` are the calls that a person was asked about last; while it is `awaiting_approval` some of
    them are pending.
    """

    id: str
    owner: str
    dialect: str
    model: str
    created_at: float
    session_id: str | None = None
    project_id: str | None = None
    request_id: str = ""
    instance: str = ""
    stream: bool = True
    on_disconnect: Disconnect = "cancel"
    status: RunStatus = "running"
    ended_at: float | None = None
    served_model: str | None = None
    stop_reason: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage = NOTHING
    cost: Decimal | None = None
    last_event: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    reply: bytes | None = None
    retries: int = 0
    approvals: Sequence[AskedCall] = ()
    key_id: str | None = None
    rounds: Sequence[Usage] = ()
    caller: str | None = None

    @property
    def payer(self) -> str:
        """Who asked for it, and has used what it used."""
        return self.caller or self.owner

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.status in ENDED


@value
class Events:
    """Frames of a run, numbered `first` to `last`, one after the other as they were sent.

    `usage` is what the run had used by then.
    """

    run_id: str
    first: int
    last: int
    frames: bytes
    usage: Usage = NOTHING


@value
class Replay:
    """A request that may be sent again: its `Idempotency-Key`, and a digest of what it asks for.

    `made` is the id of what it made the first time, `kind` what that is.
    """

    key: str
    digest: str
    kind: Literal["run", "project", "session", "message"]
    made: str
    created_at: float


@value
class TurnStart:
    """All that must be kept before the model is asked, in one transaction.

    `session` is as it shall be from now on: it is made when `new_session`, otherwise its
    changeable fields replace those stored. `project` is made when it is not there. `messages` join
    the session, after those with a number above `keep` have left the conversation. `expected` is
    the newest number the caller has seen, `seen` the session's `updated_at` as they saw it; None:
    whatever has been changed since may be replaced. `by` is a visitor who needs the role `editor`.
    """

    run: RunRecord
    session: Session | None = None
    new_session: bool = False
    project: Project | None = None
    messages: Sequence[Message] = ()
    keep: int | None = None
    expected: int = 0
    replay: Replay | None = None
    seen: float | None = None
    by: Visitor | None = None


@value
class RunEnd:
    """All that must be kept before a client is told that the run is over, in one transaction.

    `run` is in its final state; what it used and cost is added to its session's totals and, for
    ever, to its owner's figures. `messages` are the answer, `context_tokens` the size of the
    conversation with it. With `forget_thinking` the session's `thinking_after` becomes the number of
    its newest message before the answer.
    """

    run: RunRecord
    messages: Sequence[Message] = ()
    events: Events | None = None
    context_tokens: int | None = None
    forget_thinking: bool = False
