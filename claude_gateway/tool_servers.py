"""What serves tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from claude_gateway.types.tools import ServerState, Tool, ToolCall, ToolResult


class ToolServer(Protocol):
    """Serves tools. Its id, which clients choose it by, is the name of its offer.

    A server that was configured and cannot start is offered and opened all the same: its state
    says `error` and why, and the gateway serves without it. Opening waits for nothing that may take
    long: the state is `starting` meanwhile.
    """

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def description(self) -> str:
        """What it is for, in a sentence."""
        ...

    @property
    def transport(self) -> str:
        """How it is reached: `builtin` for a plugin's own, else MCP's word (`stdio`, `http`)."""
        ...

    def state(self) -> ServerState:
        """Say how it is doing, from what is known; it must not wait for anything."""
        ...

    async def tools(self) -> Sequence[Tool]:
        """Return the tools as they are now. Asked for nearly every request, so it is kept ready.

        They may change; what was pinned by a session or an approval is then not run any more.
        Raises a GatewayError when they are not known; those known before are shown meanwhile.
        """
        ...

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        """Run a tool. Arguments have been held against its schema, as far as that can be told.

        A tool that fails gives a result with `is_error`, whose text the model reads. Raises
        NotFound for a tool that it does not have; other errors become failed results as well.
        Calls run side by side. When the caller leaves or time is up the call is cancelled: it must
        end within a second, and let go of what it holds.
        """
        ...
