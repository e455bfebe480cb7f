"""What a request says about tools that the gateway shall run, in a field of the gateway's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.dialects.fields import optional
from claude_gateway.dialects.resources.reading import approval, names
from claude_gateway.types.approvals import Approval

FIELD, INSIDE = "mcp", "mcp."


@dataclass(frozen=True, slots=True)
class AskedTools:
    """Ids of servers and names of tools, on the wire or their server's; None does not narrow.

    `audited` keeps the arguments of calls in the audit log, `profile` names a set of tools that the
    operator has made. `approval` is how often a person shall be asked about calls, if not more often
    anyway.
    """

    servers: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    audited: bool = False
    approval: Approval = "never"
    profile: str | None = None


def asked_tools(fields: Mapping[str, object]) -> AskedTools | None:
    """Read it; None when nothing is said. Raises InvalidRequest naming what is wrong."""
    said = optional(fields, FIELD, dict)
    if said is None:
        return None
    audited = bool(optional(said, "audit_log", bool, INSIDE))
    servers, tools = names(said, "enabled_servers", INSIDE), names(said, "enabled_tools", INSIDE)
    profile = optional(said, "profile", str, INSIDE)
    return AskedTools(servers, tools, audited, approval(said, INSIDE), profile)
