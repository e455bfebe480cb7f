"""What serves tools, and what else a server of tools may have.

An optional ability is a Protocol of its own: the gateway looks for it once, at the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from claude_gateway.types.prompts import Prompt, PromptResult, Suggestions, Unfinished
from claude_gateway.types.server_resources import Caller, Resource, ResourceTemplate
from claude_gateway.types.tools import ServerState, Tool, ToolCall, ToolResult

OWN_ID = "gateway"  # in names of tools: what the gateway itself offers to models


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


@runtime_checkable
class HasResources(Protocol):
    """A tool server that has resources to read as well.

    Lists are those of now, for this caller, and are kept ready: a server that turns out to have none
    gives empty ones. All three raise a GatewayError when they cannot answer, and are bounded in time.
    """

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        """Return what can be listed one by one."""
        ...

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        """Return the patterns of what cannot."""
        ...

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        """Return MCP's contents: each with its `uri`, maybe a `mimeType`, and `text` or `blob` (base64).

        The URI is one of this server's own, listed or not. Raises NotFound for one it does not have.
        """
        ...


@runtime_checkable
class HasPrompts(Protocol):
    """A tool server that has prompts as well; what is said of resources is true of them, too."""

    async def prompts(self, caller: Caller) -> Sequence[Prompt]:
        """Return the prompts as they are now."""
        ...

    async def get_prompt(
        self, name: str, arguments: Mapping[str, str], caller: Caller
    ) -> PromptResult:
        """Return a prompt, filled in.

        Raises NotFound for one it does not have, InvalidRequest for arguments that do not fit.
        """
        ...


@runtime_checkable
class SuggestsValues(Protocol):
    """A tool server that helps with the arguments of its prompts and templates."""

    async def suggest(self, unfinished: Unfinished, caller: Caller) -> Suggestions:
        """Return what the argument may become. Raises NotFound for a prompt that it does not have."""
        ...
