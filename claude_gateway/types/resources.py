"""What a store keeps: projects, sessions, messages, tool executions.

Everything has an `owner`, the id of a Principal; two owners may use the same id for different
things, and never see each other's. Times are seconds since 1970, with fractions, so that they can be
ordered. Costs are US dollars; None is unknown, which is not nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from claude_gateway.types.approvals import Approval
from claude_gateway.types.sharing import Role
from claude_gateway.types.values import value

T = TypeVar("T")

DEFAULT_PROJECT = "default"

SessionStatus = Literal["active", "ended"]
ToolType = Literal["mcp", "native", "custom"]
ExecutionStatus = Literal["pending", "running", "completed", "failed"]


@value
class Project:
    """A folder of the workspace and the sessions about it; `path` is relative to the workspace.

    `role` is what whoever asked may do there, where it is somebody else's and shared with them.
    """

    id: str
    owner: str
    name: str
    created_at: float
    updated_at: float
    description: str = ""
    path: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)
    is_active: bool = True
    role: Role | None = None


@value
class Session:
    """A conversation.

    `system` and `tools` are JSON as it was first sent upstream: what thinking is bound to, and so
    frozen. Messages up to number `thinking_after` are sent without their thinking, because
    something before it has changed since. `context_tokens` is the size of the last prompt with its
    answer, as upstream counted it. `last_number` is the number of the newest message, 0 for none.
    `unpriced_runs` counts runs whose cost nobody knows; `total_cost` is the sum of the others.
    `enabled_tools` and `enabled_servers` are None where nothing was chosen. `approval` is what the session
    wants for all calls of tools; `approved` are tools, by names on the wire, that need no further one, with
    the digests of what they said then.
    """

    id: str
    owner: str
    project_id: str
    model: str
    created_at: float
    updated_at: float
    title: str = ""
    system_prompt: str | None = None
    status: SessionStatus = "active"
    metadata: Mapping[str, object] = field(default_factory=dict)
    parent_id: str | None = None
    total_tokens: int = 0
    total_cost: Decimal | None = None
    unpriced_runs: int = 0
    message_count: int = 0
    last_number: int = 0
    context_tokens: int = 0
    thinking_after: int = 0
    system: bytes | None = None
    tools: bytes | None = None
    enabled_tools: tuple[str, ...] | None = None
    enabled_servers: tuple[str, ...] | None = None
    audit_log: bool = False
    approval: Approval = "never"
    approved: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """Whether it has not been ended."""
        return self.status == "active"


@value
class Message:
    """One turn, or a part of one, of a session.

    `content` is JSON, a string or content blocks, exactly as it must be sent upstream again; `text`
    is what a person reads of it. A store gives the `number`, counting up in each session.
    """

    id: str
    role: str
    content: bytes
    created_at: float
    text: str = ""
    token_count: int = 0
    metadata: Mapping[str, object] = field(default_factory=dict)
    run_id: str | None = None
    number: int = 0


@value
class ToolExecution:
    """One call of a tool that the gateway ran, or saw. `input_params` and `output` are JSON."""

    id: str
    session_id: str
    tool_name: str
    created_at: float
    run_id: str | None = None
    tool_type: ToolType = "mcp"
    server: str = ""
    input_params: bytes = b"{}"
    output: bytes | None = None
    status: ExecutionStatus = "pending"
    error_message: str | None = None
    execution_time_ms: int | None = None
    completed_at: float | None = None


STOPPED = "It was stopped before it ended; what it has done by then is done."


def stopped(execution: ToolExecution) -> ToolExecution:
    """Return what is kept of a call that was stopped."""
    now = time.time()
    return replace(execution, status="failed", error_message=STOPPED, completed_at=now)


@value
class Page:
    """A window of a list."""

    limit: int = 100
    offset: int = 0


@value
class Listing(Generic[T]):
    """What is in the window, and how many there are in all."""

    items: Sequence[T]
    total: int


@value
class SessionFilter:
    """Which sessions; None and "" do not narrow. `query` is words to find in title or messages."""

    project_id: str | None = None
    status: SessionStatus | None = None
    query: str = ""


@value
class Tally:
    """Sums over runs: of one model, one day, or all."""

    runs: int = 0
    tokens: int = 0
    cost: Decimal | None = None
    unpriced_runs: int = 0


@value
class SessionStats:
    """Figures over everything an owner has. Days are UTC, written YYYY-MM-DD."""

    active_sessions: int
    total_messages: int
    total: Tally
    by_model: Mapping[str, Tally]
    by_day: Mapping[str, Tally]
