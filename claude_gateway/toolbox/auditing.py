"""Every call of a tool leaves an entry in the audit log: who, what, when, and how it ended."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from claude_gateway import sse
from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted_value
from claude_gateway.stores import KeepsAudit
from claude_gateway.toolbox.outcomes import Course
from claude_gateway.types.tools import ToolCall
from claude_gateway.types.trust import AuditEntry, CallOutcome

log = logging.getLogger(__name__)

LARGEST = 64 * 2**10  # bytes of arguments that are kept; of more there is the hash


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes entries. `arguments` keeps those of all calls, not only where a call asks for it.

    An entry is safe before the call is answered: that is one wait for the disk, which the store
    shares among all who write, beside a call that takes longer; and nobody has seen the result of a
    call that the log does not know. A log that cannot be written stops nothing, because the tool has
    done its work by then; the ordinary log tells what is missing.
    """

    keeper: KeepsAudit
    arguments: bool = False

    async def begun(self, wire_name: str, call: ToolCall, at: float) -> AuditEntry:
        """Return the entry of a call that is about to be looked at; nothing is written yet."""
        wanted = self.arguments or call.audited
        # In a thread: arguments can be as large as a request.
        digest, size, kept = await asyncio.to_thread(_digested, call.arguments, keep=wanted)
        return AuditEntry(
            owner=call.principal,
            at=at,
            server="",
            tool=wire_name,
            outcome="refused",
            duration_ms=0,
            digest=digest,
            size=size,
            call_id=call.id,
            session_id=call.session_id,
            run_id=call.run_id,
            project_id=call.project_id,
            arguments=kept,
        )

    async def ended(self, entry: AuditEntry, course: Course, duration_ms: int) -> None:
        """Write the entry of a call that is over."""
        if course.entry is not None:
            tool = course.entry
            entry = replace(entry, server=tool.server, tool=tool.tool.name)
        entry = replace(entry, outcome=_outcome(course), duration_ms=duration_ms)
        try:
            await self.keeper.add_audit([entry])
        except GatewayError as exc:
            lost = replace(entry, arguments=None)
            why = {"error": exc.code, "entry": repr(lost)}
            log.error("a call of a tool is missing in the audit log", extra=why)  # noqa: TRY400


def _outcome(course: Course) -> CallOutcome:
    if not course.over:
        return "cancelled"
    if course.refused:
        return "refused"
    return "failed" if course.result.is_error else "completed"


def _digested(arguments: Mapping[str, object], *, keep: bool) -> tuple[str, int, bytes | None]:
    said = sse.canonical(arguments)
    small = keep and len(said) <= LARGEST
    kept = sse.canonical(redacted_value(arguments)) if small else None
    return hashlib.sha256(said).hexdigest(), len(said), kept
