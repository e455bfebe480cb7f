"""What the configuration says of servers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, TypeAlias

from claude_gateway import Approval

Transport: TypeAlias = Literal["auto", "http", "sse"]


@dataclass(frozen=True, slots=True)
class Program:
    """A server that is a program on this machine; `environment` is all that it is given."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path


@dataclass(frozen=True, slots=True)
class Address:
    """A server on the network. `auto` is Streamable HTTP, or the older SSE where there is only that."""

    url: str = field(repr=False)
    transport: Transport
    headers: Mapping[str, str] = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL without what may be a secret."""
        bare = self.url.partition("#")[0].partition("?")[0]
        scheme, _, rest = bare.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Which tools are offered, and which calls a person has to approve. Names may have `*` and `?`."""

    allowed: tuple[str, ...] | None = None
    denied: tuple[str, ...] = ()
    approval: Approval = "never"
    approvals: tuple[tuple[str, Approval], ...] = ()

    def offers(self, tool: str) -> bool:
        """Whether a tool is offered at all."""
        wanted = self.allowed is None or any(fnmatchcase(tool, one) for one in self.allowed)
        return wanted and not any(fnmatchcase(tool, one) for one in self.denied)

    def approval_of(self, tool: str) -> Approval:
        """Return what the calls of a tool need: its own rule, else the first pattern that fits."""
        named = dict(self.approvals)
        fitting = [rule for pattern, rule in named.items() if fnmatchcase(tool, pattern)]
        return named[tool] if tool in named else next(iter(fitting), self.approval)


@dataclass(frozen=True, slots=True)
class Spec:
    """One server. `where` is None when `mistake` says what is wrong with its entry.

    `timeout` bounds one call, in seconds; None leaves it to the gateway. `secrets` are values that
    must not be shown.
    """

    id: str
    name: str
    where: Program | Address | None
    mistake: str = ""
    disabled: bool = False
    description: str = ""
    rules: Rules = Rules()
    timeout: float | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    is_program: bool = False

    @property
    def transport(self) -> str:
        """MCP's word for how it is reached."""
        match self.where:
            case None if self.is_program:
                return "stdio"
            case Program():
                return "stdio"
            case Address(transport="sse"):
                return "sse"
            case _:
                return "http"

    def hide(self, text: str) -> str:
        """Return `text` with its secrets masked."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, "***")
        return text
