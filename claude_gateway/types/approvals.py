"""Calls of tools that wait until a person has agreed to them, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from claude_gateway.types.events import Event

Approval = Literal["never", "ask", "always"]
Decision = Literal["pending", "approved", "denied", "expired"]

STRICTNESS: Mapping[Approval, int] = {"never": 0, "ask": 1, "always": 2}


def strictest(*wanted: Approval) -> Approval:
    """Return what satisfies all of them."""
    return max(wanted, key=STRICTNESS.__getitem__)


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call that a person decides about. Times are seconds since 1970; `arguments` are JSON.

    `name` is the tool's on the wire, and `digest` of what it said when it was asked about. `approval`
    says why a person is asked: `always` cannot be waived by anybody. `reason` is the person's.
    """

    id: str
    server: str
    tool: str
    name: str
    arguments: bytes
    digest: str
    approval: Approval
    expires_at: float
    decision: Decision = "pending"
    reason: str = ""
    decided_at: float | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """What a run leaves behind that waits: the calls that somebody decides about, and what is said of it.

    `state` is all it takes to go on.
    """

    calls: Sequence[AskedCall]
    state: bytes
    news: Sequence[Event]
