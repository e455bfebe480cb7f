"""What observers are told of besides runs. Times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from claude_gateway.types.budgets import BudgetKind
from claude_gateway.types.principals import Period
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage

ToolOutcome = Literal["completed", "failed", "cancelled", "refused"]


# What work carries along: W3C's trace context, by the names that it has in headers and in MCP's `_meta`.
CARRIED = ("traceparent", "tracestate")
MOST_CARRIED = 1024  # characters of one


def decent(value: str) -> bool:
    """Whether a value can travel in a header: visible ASCII and blanks, and not too much of it."""
    return len(value) <= MOST_CARRIED and value.isascii() and value.isprintable()


@dataclass(slots=True)
class RequestStart:
    """One HTTP request, before anything is done for it. `carried` is what it brought along.

    A client profile may ask something else instead; the end tells the route that was answered.
    """

    id: str
    method: str
    route: str
    carried: Mapping[str, str]


@dataclass(slots=True)
class RoundStart:
    """One call of a model that is about to be made, with all its further attempts.

    `address` is the URL of whoever is asked, "" where the backend does not say. `numbers` are the parameters of the
    call that are plain numbers (`max_tokens`, `temperature`, `top_p`, `top_k`).
    """

    run: Run
    backend: str
    model: str
    stream: bool
    address: str
    numbers: Mapping[str, float]


@dataclass(slots=True)
class RoundEnd:
    """One call of a model that is over.

    `error` is a code, None if it went well. `first` is after how many seconds the answer began, None if
    it never did, or came in one piece.
    """

    usage: Usage
    seconds: float
    first: float | None
    error: str | None
    stop_reason: str | None
    served_model: str | None
    answer_id: str | None


@dataclass(slots=True)
class ToolStart:
    """One call of a tool that is about to be made. `name` is what it was asked for by.

    `id` is the call's own, `carried` is what came with it, if it has come in a message of its own.
    """

    name: str
    id: str
    run_id: str | None
    carried: Mapping[str, str]


@dataclass(slots=True)
class RequestEnd:
    """One HTTP request that is over.

    `route` is the template that was resolved, "unknown" where there is none; `method` may be
    anything that a client sends. `status` is 499 for a client that left before its answer began.
    """

    method: str
    route: str
    status: int
    seconds: float


@dataclass(slots=True)
class StreamEnd:
    """One stream of events that is over, on one connection.

    `longest_gap` is the longest time between two writes, heartbeats included.
    """

    route: str
    seconds: float
    writes: int
    size: int
    longest_gap: float


@dataclass(slots=True)
class ToolEnd:
    """One call of a tool that is over; `refused` was never made.

    `tool` is its server's own name for it; both are "unknown" where there is no such tool.
    """

    server: str
    tool: str
    outcome: ToolOutcome
    seconds: float


@dataclass(slots=True)
class BudgetNews:
    """A budget that warns about a call of a model, or `refused` it. `share` is how much of it is spent."""

    run: Run
    kind: BudgetKind
    period: Period
    share: float
    refused: bool


@dataclass(frozen=True, slots=True)
class HealthLook:
    """What a health check said last, and how many seconds ago."""

    name: str
    ok: bool
    age: float


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What a store has written since it was opened.

    `commits` are transactions, `changes` what was in them, `failures` changes that could not be kept, through
    no fault of their callers'; `full` is whether the latest change found no room. `within` has pairs, in
    ascending order: so many seconds, and how many transactions took no longer; `seconds` is what all
    took together. `size` is bytes on the disk.
    """

    commits: int
    changes: int
    failures: int
    full: bool
    seconds: float
    within: tuple[tuple[float, int], ...]
    size: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand in this process, at one moment.

    `requests` are being answered, `streams` of events among them; `turns_waiting` wait for an earlier turn
    of their session, `turns_queued` for a place among those that are answered; `runs_parked` wait for people to decide about `approvals` calls; `tool_calls` are
    under way. `servers` are tool servers with their status, `breakers` backends with the state of their
    circuit. `store` is None where there is none, or it does not count. `budgets` are shares that are spent,
    1.0 is all: by kind of budget the highest of those that were used lately.
    """

    requests: int
    streams: int
    turns_waiting: int
    turns_queued: int
    runs_parked: int
    approvals: int
    tool_calls: int
    servers: Mapping[str, str]
    breakers: Mapping[str, str]
    checks: tuple[HealthLook, ...]
    store: StoreFigures | None
    draining: bool
    budgets: Mapping[str, float] = field(default_factory=dict)
