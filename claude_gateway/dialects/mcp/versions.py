"""The revisions of the protocol, and what tells its two eras apart.

Until 2025-11-25 a client shakes hands (`initialize`) and has a session. From 2026-07-28 on every
request stands alone, and says in its `_meta` who is speaking and in which revision.
"""

from __future__ import annotations

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = ("2026-07-28",)
PRIMED = ("2025-11-25",)  # whose clients understand an event that has an id and no data

VERSION_HEADER = "MCP-Protocol-Version"
SESSION_HEADER = "Mcp-Session-Id"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"

META = "io.modelcontextprotocol/"
META_VERSION = f"{META}protocolVersion"
META_CAPABILITIES = f"{META}clientCapabilities"
META_SERVER = f"{META}serverInfo"
META_SUBSCRIPTION = f"{META}subscriptionId"


def agreed(asked: str) -> str:
    """Return the revision that a session speaks when its client asks for one."""
    return asked if asked in HANDSHAKE else HANDSHAKE[-1]
