"""`claude-gateway openapi`: the description of the API, without a gateway that serves."""

from __future__ import annotations

import asyncio
import json

import click

from claude_gateway.cli.start import prepare
from claude_gateway.interfaces import PluginRoute
from claude_gateway.plugins import Plugins
from claude_gateway.registry import open_routes
from claude_gateway.settings import Settings


@click.command()
def openapi() -> None:
    """Print the description of the API, an OpenAPI document, with the routes of plugins."""
    from claude_gateway.web.app import ROUTES, with_rules  # noqa: PLC0415  # as in cli.serve
    from claude_gateway.web.openapi.document import document  # noqa: PLC0415

    settings, plugins = prepare({})
    more = asyncio.run(_routes(plugins, settings))
    click.echo(json.dumps(document((*ROUTES, *with_rules(more, ROUTES))), indent=2))


async def _routes(plugins: Plugins, settings: Settings) -> tuple[PluginRoute, ...]:
    async with open_routes(plugins, settings) as routes:
        return routes
