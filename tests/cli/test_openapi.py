"""The description of the API, on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Site

PAGES = """
async def show(request):
    "Show a page."

class Plugin:
    @hookimpl
    def register_routes(self, settings):
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened():
            yield (PluginRoute("GET", "/pages", show),)

        return (Offer("pages", opened),)

plugin = Plugin()
"""


def test_the_document_is_printed_with_the_routes_of_plugins(site: Site, command: Command) -> None:
    site.install("pages", PAGES)
    done = command("openapi")
    assert done.code == 0
    document = json.loads(done.out)
    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/pages"]["get"]["summary"] == "Show a page"
    assert "/v1/chat/completions" in document["paths"]
