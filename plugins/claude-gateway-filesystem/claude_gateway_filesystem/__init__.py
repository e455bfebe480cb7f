"""Tools that work on the files of a project, inside the workspace and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import WORKSPACE_DIR, Offer, Setting, Settings, ToolServer, hookimpl
from claude_gateway_filesystem.settings import ALL, LARGEST_FILE, READ_ONLY

SERVER_ID = "mcp_filesystem"


class Plugin:
    """Offers the server."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return ALL

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            from claude_gateway_filesystem.server import open_filesystem

            with open_filesystem(
                settings[WORKSPACE_DIR], settings[LARGEST_FILE], read_only=settings[READ_ONLY]
            ) as server:
                yield server

        return (Offer(SERVER_ID, opened),)


plugin = Plugin()
