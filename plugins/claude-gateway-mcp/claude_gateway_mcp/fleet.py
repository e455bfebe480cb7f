"""All servers of the configuration: what they share, and that they leave together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from claude_gateway import ToolServer
from claude_gateway_mcp.guarding import Guard
from claude_gateway_mcp.keepers import Keeper, Limits
from claude_gateway_mcp.links import Means
from claude_gateway_mcp.network import quieten
from claude_gateway_mcp.server import External
from claude_gateway_mcp.specs import Spec
from claude_gateway_mcp.vault import Vault


class Fleet:
    """Opens servers one by one. When one is closed the others begin to leave as well."""

    def __init__(self, limits: Limits, vault: Vault | None = None) -> None:
        self.guard = Guard()
        self._limits = limits
        self._means = Means(self.guard, vault)
        self._keepers: set[Keeper] = set()

    @asynccontextmanager
    async def serving(self, spec: Spec) -> AsyncGenerator[ToolServer]:
        """Keep a server connected. Waits for nothing: it starts meanwhile."""
        if spec.mistake or spec.disabled:
            yield External(spec, None)
            return
        quieten()
        keeper = Keeper(spec, self._means, self._limits)
        self._keepers.add(keeper)
        running = asyncio.create_task(keeper.run(), name=f"mcp-{spec.id}")
        try:
            yield External(spec, keeper)
        finally:
            # The gateway closes its servers one after the other; together they take no longer than one.
            for one in self._keepers:
                one.stop()
            try:
                await running
            finally:
                running.cancel()
                self._keepers.discard(keeper)
                if not self._keepers:
                    self.guard.close()
