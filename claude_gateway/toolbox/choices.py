"""Which tools may be used: by a request, a session, a key. All of them have to agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from claude_gateway.toolbox.entries import Entry


@dataclass(frozen=True, slots=True)
class Choice:
    """Servers by id and tools by name, on the wire or their server's; None does not narrow."""

    servers: frozenset[str] | None = None
    tools: frozenset[str] | None = None

    @classmethod
    def of(cls, servers: Iterable[str] | None, tools: Iterable[str] | None) -> Choice:
        """Return the choice that names these."""
        return cls(
            None if servers is None else frozenset(servers),
            None if tools is None else frozenset(tools),
        )

    def allows(self, entry: Entry) -> bool:
        """Whether this tool may be used."""
        if self.servers is not None and entry.server not in self.servers:
            return False
        return self.tools is None or not self.tools.isdisjoint((entry.wire_name, entry.tool.name))

    def allows_server(self, server_id: str) -> bool:
        """Whether what a server has besides tools may be used; who names tools wants only those."""
        return self.tools is None and (self.servers is None or server_id in self.servers)
