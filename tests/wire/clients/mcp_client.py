"""What the protocol's conformance suite tests: the gateway's side of an external server, as a program.

Its last argument is the server's URL. It signs in where the suite wants that, connects, and calls every tool.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import aiohttp
from claude_gateway_mcp.entries import Around, read_entry
from claude_gateway_mcp.fleet import Fleet
from claude_gateway_mcp.keepers import Limits
from claude_gateway_mcp.signing_in import sign_in
from claude_gateway_mcp.specs import Address
from claude_gateway_mcp.vault import Vault

from claude_gateway import Tool, ToolCall

PATIENCE = 20.0  # seconds
SAMPLES = {"string": "x", "number": 1, "integer": 1, "boolean": True, "array": [], "object": {}}


async def click(url: str) -> None:
    async with aiohttp.ClientSession() as browser, browser.get(url) as page:
        await page.read()


async def signed_in(address: Address, vault: Vault) -> None:
    clicks: list[asyncio.Task[None]] = []
    drawer = vault.drawer("suite", address.url)
    await sign_in(address, drawer, lambda url: clicks.append(asyncio.create_task(click(url))))
    await asyncio.gather(*clicks)


def arguments(tool: Tool) -> dict[str, object]:
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    for call in context.get("toolCalls") or ():
        if call.get("name") == tool.name:
            return dict(call.get("arguments") or {})
    properties = tool.input_schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return {name: SAMPLES.get(part.get("type"), "x") for name, part in known.items()}


async def main(url: str) -> None:
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = read_entry("suite", "suite", {"url": url}, Around(os.environ, folder))
        vault = Vault(folder)
        assert isinstance(spec.where, Address)
        if scenario.startswith("auth/"):
            await signed_in(spec.where, vault)
        async with Fleet(Limits(PATIENCE), vault).serving(spec) as server:
            async with asyncio.timeout(PATIENCE):
                while server.state().status == "starting":
                    await asyncio.sleep(0.01)
            if server.state().status != "available":
                sys.exit(server.state().reason)
            for tool in await server.tools():  # each is called once
                result = await server.call(tool.name, ToolCall(arguments(tool), "ada"))
                print(tool.name, result.text)  # noqa: T201  # the suite shows it


asyncio.run(main(sys.argv[-1]))
