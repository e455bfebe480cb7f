"""What a store implements: where projects, sessions, runs and pins of tools are kept.

Every call names the owner, and nothing of anybody else's is found, changed or revealed: it raises
NotFound as for what does not exist. Of a `Visitor` the store finds out in the same transaction what they may
do in the project of the thing (`check_role`), and lists leave out what they may not know of: what reads
needs the role `viewer`, and what changes something `editor`, unless it says otherwise. A call that
changes something returns when it is safe against the process being killed; one call is one transaction. When there is no room a store raises
StorageFull, and Unavailable when it cannot be written to for another reason; then nothing was
changed. Ids come from outside and may hold any characters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from claude_gateway.member_stores import KeepsMembers
from claude_gateway.types.resources import (
    Listing,
    Message,
    Page,
    Project,
    Session,
    SessionFilter,
    SessionStats,
    ToolExecution,
)
from claude_gateway.types.sharing import Role, Visitor, Who
from claude_gateway.types.trust import AuditEntry, AuditFilter, Pin
from claude_gateway.types.turns import Events, Replay, RunEnd, RunRecord, TurnStart
from claude_gateway.types.watching import StoreFigures


class KeepsProjects(Protocol):
    """Projects. The newest change comes first in lists."""

    async def create_project(self, project: Project, replay: Replay | None = None) -> Project:
        """Keep a new project, or return the one that the same request made before.

        Raises Conflict when the id is taken (`exists`) or the key was used for another request
        (`idempotency_key_reused`).
        """
        ...

    async def ensure_project(self, project: Project) -> Project:
        """Return the owner's project of this id, made from `project` when there is none."""
        ...

    async def get_project(self, owner: Who, project_id: str, need: Role = "viewer") -> Project:
        """Return one, to a visitor with the role `need`. Raises NotFound."""
        ...

    async def list_projects(self, owner: Who, page: Page, query: str = "") -> Listing[Project]:
        """Return a window of them; `query` is words to find in name or description.

        A visitor is shown those that are shared with them as well, with their `role`.
        """
        ...

    async def update_project(
        self, owner: Who, project_id: str, changes: Mapping[str, object]
    ) -> Project:
        """Replace these fields (`name`, `description`, `path`, `metadata`, `is_active`). Needs `owner`."""
        ...

    async def delete_project(self, owner: Who, project_id: str) -> None:
        """Forget it; its sessions move to the default project. Needs `owner`. Raises NotFound."""
        ...


class KeepsSessions(Protocol):
    """Sessions with their messages and tool executions."""

    async def create_session(
        self, session: Session, replay: Replay | None = None, by: Visitor | None = None
    ) -> Session:
        """As `create_project`; a key of a request is always that of the visitor whom it is made `by`."""
        ...

    async def get_session(self, owner: Who, session_id: str, need: Role = "viewer") -> Session:
        """As `get_project`."""
        ...

    async def list_sessions(self, owner: Who, page: Page, only: SessionFilter) -> Listing[Session]:
        """Return a window of those that fit, the newest change first; of others', of one project."""
        ...

    async def update_session(
        self, owner: Who, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        """Replace these fields of Session, any but ids, owner, times, totals and numbers.

        Another `project_id` needs `owner`, in both projects.
        """
        ...

    async def delete_session(self, owner: Who, session_id: str) -> None:
        """Forget it with its messages, executions and runs; figures of use stay. Needs `owner`. Raises NotFound."""
        ...

    async def fork_session(
        self,
        owner: Who,
        session_id: str,
        fork: Session,
        last_number: int | None = None,
        replay: Replay | None = None,
    ) -> Session:
        """Keep `fork` with copies of the messages, up to `last_number`. Totals begin at zero.

        `replay` is as for `create_session`.
        """
        ...

    async def session_stats(self, owner: Who) -> SessionStats:
        """Return the owner's figures, what was deleted since included in use and cost."""
        ...

    async def count_active_sessions(self) -> int:
        """Return how many sessions of everybody's have not been ended."""
        ...

    async def add_messages(
        self, owner: Who, session_id: str, messages: Sequence[Message], replay: Replay | None = None
    ) -> Sequence[Message]:
        """Add messages, in this order, and return them with their numbers."""
        ...

    async def history(self, owner: Who, session_id: str) -> tuple[Session, Sequence[Message]]:
        """Return a session with its whole conversation, in order. Raises NotFound."""
        ...

    async def get_message(self, owner: Who, session_id: str, message_id: str) -> Message:
        """Return one message of the conversation. Raises NotFound for either."""
        ...

    async def list_messages(
        self, owner: Who, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        """Return a window of the conversation, in order; `after` is a number."""
        ...

    async def add_tool_executions(self, owner: str, executions: Sequence[ToolExecution]) -> None:
        """Keep executions, replacing those of the same id. Raises NotFound for the session."""
        ...

    async def list_tool_executions(
        self, owner: Who, session_id: str, page: Page, *, tool_type: str = "", status: str = ""
    ) -> Listing[ToolExecution]:
        """Return a window of them, the newest first."""
        ...


class KeepsRuns(Protocol):
    """Runs and their events."""

    def begin_turn(self, start: TurnStart) -> Awaitable[RunRecord]:
        """Keep the start of a turn, and return its run. It is kept even when nobody waits any more.

        When the same request (`replay`) began a run before, that run is returned and nothing is
        changed; one that is gone, or failed before its model said anything (`served_model` is None),
        does not count. Raises Conflict (`stale_session`) when the session's newest message is not the
        `expected` one or it was changed since `seen`, and (`exists`) when a new session is there already.
        """
        ...

    async def append_events(self, events: Sequence[Events]) -> None:
        """Add to the logs of running runs; those of unknown runs are left out."""
        ...

    async def end_run(self, end: RunEnd) -> None:
        """Keep the end of a run. A second end of the same run changes nothing."""
        ...

    async def update_run(self, owner: str, run_id: str, changes: Mapping[str, object]) -> RunRecord:
        """Replace these fields of a run that has not ended. Raises NotFound."""
        ...

    async def park_run(self, run: RunRecord, state: bytes, events: Events | None = None) -> None:
        """Keep a run that waits for approvals: its record, what it needs to go on, and new events.

        Raises NotFound when it is gone or has ended.
        """
        ...

    async def parked_state(self, owner: str, run_id: str) -> bytes:
        """Return what a run that was parked needs to go on. Raises NotFound, also when it has ended."""
        ...

    async def get_run(self, owner: Who, run_id: str, need: Role = "viewer") -> RunRecord:
        """As `get_project`; a visitor finds runs of all owners, in projects that they may see."""
        ...

    async def list_runs(
        self, owner: Who, page: Page, *, session_id: str = "", status: str = ""
    ) -> Listing[RunRecord]:
        """Return a window of them, the newest first."""
        ...

    async def read_events(
        self, owner: Who, run_id: str, after: int = 0, most_bytes: int = 1 << 20
    ) -> Sequence[Events]:
        """Return what was logged that holds numbers above `after`, in order, about so many bytes.

        Empty means that there is no more for now. Raises NotFound for the run.
        """
        ...

    async def orphaned_runs(self) -> Sequence[RunRecord]:
        """Return the runs, of everybody's, that a process which is gone has left unended, parked or not."""
        ...

    async def find_replay(self, owner: str, key: str) -> Replay | None:
        """Return what a request with this key made before."""
        ...


class KeepsPins(Protocol):
    """What tools said when they were first seen, or approved. Nobody owns that but the gateway."""

    async def pinned_digests(self, server: str) -> Mapping[str, str]:
        """Return the digests of all pins of a server, by tool."""
        ...

    async def get_pin(self, server: str, tool: str) -> Pin:
        """Raises NotFound."""
        ...

    async def add_pins(self, pins: Sequence[Pin]) -> None:
        """Keep pins of tools that have none; those that are there stay as they are."""
        ...

    async def replace_pin(self, pin: Pin) -> None:
        """Keep a pin, also instead of the one that is there."""
        ...


class KeepsAudit(Protocol):
    """The audit log of calls of tools. Entries outlive the sessions that they name.

    An `owner` of None is everybody: only who may manage tools is shown that.
    """

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries; each gets a number."""
        ...

    async def list_audit(
        self, owner: str | None, page: Page, only: AuditFilter
    ) -> Listing[AuditEntry]:
        """Return a window of those that fit, the newest first."""
        ...

    async def read_audit(
        self, owner: str | None, only: AuditFilter, limit: int, last: AuditEntry | None = None
    ) -> Sequence[AuditEntry]:
        """Return so many of those that fit, the newest first, from behind `last` on."""
        ...

    async def prune_audit(self, before: float, limit: int) -> int:
        """Forget entries of calls made before; return how many went."""
        ...


class Prunes(Protocol):
    """Forgets what is old, a bounded number at a time; times are seconds since 1970."""

    async def prune_sessions(self, before: float, limit: int) -> int:
        """Forget sessions that nothing has changed since `before`; return how many went."""
        ...

    async def prune_events(self, before: float, limit: int) -> int:
        """Forget logs of runs that ended before; the runs and their figures stay."""
        ...

    async def prune_replays(self, before: float, limit: int) -> int:
        """Forget keys of requests made before."""
        ...


class Store(
    KeepsProjects, KeepsMembers, KeepsSessions, KeepsRuns, KeepsPins, KeepsAudit, Prunes, Protocol
):
    """All of it. `instance` is what its process writes into the runs that it begins."""

    @property
    def instance(self) -> str:
        """A name that no other process has, dead or alive."""
        ...


@runtime_checkable
class HasFigures(Protocol):
    """A store that counts what it does."""

    def figures(self) -> StoreFigures:
        """Say what it has done so far; asked now and then, so it must not wait for anything."""
        ...
