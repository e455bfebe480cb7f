"""Which tools may be used: by a request, a session, a key. All of them have to agree."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from claude_gateway.toolbox.entries import Entry
from claude_gateway.types.principals import Principal
from claude_gateway.types.resources import Session


@dataclass(frozen=True, slots=True)
class Globs:
    """All names that fit one of some patterns such as `read_*`."""

    patterns: tuple[str, ...]

    def __contains__(self, name: object) -> bool:
        return any(fnmatchcase(str(name), pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Choice:
    """Servers by id and tools by name, on the wire or their server's; None does not narrow."""

    servers: Container[str] | None = None
    tools: Container[str] | None = None

    @classmethod
    def of(cls, servers: Iterable[str] | None, tools: Iterable[str] | None) -> Choice:
        """Return the choice that names these."""
        return cls(
            None if servers is None else frozenset(servers),
            None if tools is None else frozenset(tools),
        )

    def reaches(self, server_id: str) -> bool:
        """Whether anything of this server may be used."""
        return self.servers is None or server_id in self.servers

    def allows(self, entry: Entry) -> bool:
        """Whether this tool may be used."""
        if not self.reaches(entry.server):
            return False
        if self.tools is None:
            return True
        return entry.wire_name in self.tools or entry.tool.name in self.tools

    def allows_server(self, server_id: str) -> bool:
        """Whether what a server has besides tools may be used; who names tools wants only those."""
        return self.tools is None and self.reaches(server_id)


def choices_of(
    principal: Principal, session: Session | None = None, *asked: Choice
) -> tuple[Choice, ...]:
    """Return all that have a say in which tools may be used: who asks, the session, the request."""
    own = Choice(principal.tool_servers, principal.tools)
    return (own, *(() if session is None else (session_choice(session),)), *asked)


def session_choice(session: Session) -> Choice:
    """Return what a session lets be used."""
    return Choice.of(session.enabled_servers, session.enabled_tools)
