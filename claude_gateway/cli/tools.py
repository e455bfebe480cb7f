"""What commands about tools share: the tool servers, opened in this process, and the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from claude_gateway.cli.serve import writable
from claude_gateway.cli.start import prepare
from claude_gateway.defaults import settings as names
from claude_gateway.errors import GatewayError
from claude_gateway.registry import open_store, open_tool_servers
from claude_gateway.stores import Store

if TYPE_CHECKING:
    from claude_gateway.toolbox import Toolbox

T = TypeVar("T")

LOOK_AGAIN = 0.05  # seconds

wait_option = click.option(
    "--wait",
    type=click.FloatRange(0, 600),
    default=10.0,
    show_default=True,
    help="Seconds to wait for servers that are starting.",
)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a command works with; `store` is None where nothing is kept."""

    toolbox: Toolbox
    store: Store | None


def with_tools(work: Callable[[Tools], Awaitable[T]], patience: float) -> T:
    """Open the store and the tool servers, do the work, close them.

    Servers that are still starting after `patience` seconds are not waited for any longer.
    """
    settings, plugins = prepare({})
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(key, settings)

    # Checking schemas takes a while to load, and most commands have no use for it.
    from claude_gateway.conversations.toolboxes import toolbox_of  # noqa: PLC0415

    async def run() -> T:
        async with (
            open_store(plugins, settings, settings[names.STORE]) as store,
            open_tool_servers(plugins, settings) as servers,
        ):
            toolbox = toolbox_of(settings, servers, store)
            await started(toolbox, patience)
            return await work(Tools(toolbox, store))

    try:
        return asyncio.run(run())
    except GatewayError as exc:
        raise click.ClickException(exc.message) from exc


async def started(toolbox: Toolbox, patience: float) -> None:
    """Wait until no server is starting any more, but not longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while any(  # noqa: ASYNC110  # a server cannot tell by itself
                toolbox.state(id_).status == "starting" for id_ in toolbox.servers
            ):
                await asyncio.sleep(LOOK_AGAIN)
