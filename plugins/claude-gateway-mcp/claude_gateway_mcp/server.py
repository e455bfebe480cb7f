"""A server of somebody else's, as one of the gateway's tool servers."""

from __future__ import annotations

from collections.abc import Sequence

from claude_gateway import NotFound, ServerState, Tool, ToolCall, ToolResult
from claude_gateway_mcp.calls import called
from claude_gateway_mcp.extras import Extras
from claude_gateway_mcp.keepers import Keeper
from claude_gateway_mcp.reasons import Failed, Forgotten
from claude_gateway_mcp.specs import Spec


class External(Extras):
    """One server of the configuration. Without a keeper it is only listed, with the reason."""

    def __init__(self, spec: Spec, keeper: Keeper | None) -> None:
        super().__init__(keeper)
        self._spec = spec
        self.title = spec.name
        self.transport = spec.transport

    @property
    def description(self) -> str:
        """What the file says of it, else how it introduced itself."""
        words = self._keeper.words if self._keeper is not None else ""
        return self._spec.description or words or "A server of the Model Context Protocol."

    def state(self) -> ServerState:
        """Say how it is doing."""
        if self._spec.disabled:
            return ServerState("disabled", "It is disabled in the configuration.")
        if self._keeper is None:
            return ServerState("error", f"mcpServers.{self._spec.name}: {self._spec.mistake}.")
        return self._keeper.state

    async def tools(self) -> Sequence[Tool]:
        """Return the tools that it last listed, also while it is away."""
        return self._keeper.tools if self._keeper is not None else ()

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        """Call a tool. A server that is away gives a failed result that says so."""
        if self._keeper is None:
            return ToolResult.failed(f"{self.title} cannot be used: {self.state().reason}")
        try:
            try:
                return await self._call(self._keeper, name, call)
            except Forgotten:
                return await self._call(self._keeper, name, call)
        except Failed as exc:
            return ToolResult.failed(f"{self.title}: {exc.reason}")

    async def _call(self, keeper: Keeper, name: str, call: ToolCall) -> ToolResult:
        with keeper.used():
            link = await keeper.link()
            if name not in {tool.name for tool in keeper.tools}:
                raise NotFound(f"There is no tool called {name[:100]!r}.")
            return await called(link, name, call, self._spec.timeout)
