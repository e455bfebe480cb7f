"""What observers are told of besides runs. Times are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ToolOutcome = Literal["completed", "failed", "cancelled", "refused"]


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
