"""Tools of any MCP server: programs on this machine, and servers on the network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from typing import TYPE_CHECKING

import click

from claude_gateway import Offer, Setting, Settings, ToolServer, hookimpl
from claude_gateway_mcp.commands import mcp
from claude_gateway_mcp.configuration import read_servers
from claude_gateway_mcp.settings import ALL, CONFIG, HANDSHAKE_TIMEOUT, IDLE, config_file
from claude_gateway_mcp.specs import Spec

if TYPE_CHECKING:
    from claude_gateway_mcp.fleet import Fleet


class Plugin:
    """Offers the servers of the configuration."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return ALL

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        file = config_file(settings)
        servers = read_servers(file, settings.environment, needed=settings.given(CONFIG))

        @cache  # one for all of them, made when the first is opened
        def fleet() -> Fleet:
            from claude_gateway_mcp.fleet import Fleet
            from claude_gateway_mcp.keepers import Limits
            from claude_gateway_mcp.vault import vault_of

            limits = Limits(settings[HANDSHAKE_TIMEOUT], settings[IDLE])
            return Fleet(limits, vault_of(settings))

        def opened(spec: Spec) -> AbstractAsyncContextManager[ToolServer]:
            return fleet().serving(spec)

        return [Offer(spec.id, partial(opened, spec)) for spec in servers]

    @hookimpl
    def register_commands(self) -> Sequence[click.Command]:
        return (mcp,)


plugin = Plugin()
