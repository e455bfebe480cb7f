"""What is known of tools from earlier: what they said when somebody agreed to it, and what was called."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pin:
    """What a tool said of itself when it was first seen, or when it was last approved.

    `said` is JSON, an object with `name`, `description`, `input_schema` and `output_schema`;
    `digest` is its hash. `pinned_at` is in seconds since 1970.
    """

    server: str
    tool: str
    digest: str
    said: bytes
    pinned_at: float


CallOutcome = Literal["completed", "failed", "refused", "cancelled"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One call of a tool that the gateway runs, as the audit log has it.

    `owner` is the id of who asked, `at` is when, in seconds since 1970. `refused` is a call that was
    not made: there was no such tool, or none for this caller (`server` is then ""), or the caller had
    too many under way. `call_id` names
    the call in the session, or upstream. `digest` is the SHA-256 of the arguments as JSON with sorted
    keys, `size` their bytes; `arguments` are that JSON, without keys and tokens, where somebody asked
    for it. A store gives the `number`, counting up.
    """

    owner: str
    at: float
    server: str
    tool: str
    outcome: CallOutcome
    duration_ms: int
    digest: str
    size: int
    call_id: str = ""
    session_id: str | None = None
    run_id: str | None = None
    project_id: str = ""
    arguments: bytes | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; "" does not narrow. From `since` on and before `until`, seconds since 1970.

    `projects` are all that is told of, None is every one.
    """

    session_id: str = ""
    server: str = ""
    tool: str = ""
    outcome: str = ""
    since: float = 0.0
    until: float = inf
    projects: tuple[str, ...] | None = None
