"""What a request says about tools that the gateway shall run, in a field of the gateway's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.resources.reading import names

FIELD, INSIDE = "mcp", "mcp."


@dataclass(frozen=True, slots=True)
class AskedTools:
    """Ids of servers and names of tools, on the wire or their server's; None does not narrow.

    `audited` keeps the arguments of calls in the audit log.
    """

    servers: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    audited: bool = False


def asked_tools(fields: Mapping[str, object]) -> AskedTools | None:
    """Read it; None when nothing is said. Raises InvalidRequest naming what is wrong."""
    said = optional(fields, FIELD, dict)
    if said is None:
        return None
    audited = bool(optional(said, "audit_log", bool, INSIDE))
    if optional(said, "approval", str, INSIDE) not in (None, "never"):
        wrong(
            f"{INSIDE}approval",
            "must be never: nobody can be asked for approval here",
            code="unsupported_value",
        )
    servers = names(said, "enabled_servers", INSIDE)
    return AskedTools(servers, names(said, "enabled_tools", INSIDE), audited)
