"""External servers as others test them: a server with everything, and the protocol's conformance suite."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.wire.clients.conftest import PROJECT

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MODULES = PROJECT / "node_modules/@modelcontextprotocol"
CLIENT = Path(__file__).with_name("mcp_client.py")
PATIENCE = 120.0  # seconds

# The others are of what is not there: asking the person at the client, clients that are registered
# beforehand or by a document, more scopes in the middle of a session, and extensions.
SCENARIOS = [
    "initialize",
    "tools_call",
    "sse-retry",
    "request-metadata",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "json-schema-ref-no-deref",
    "auth/metadata-default",
    "auth/metadata-var3",
    "auth/scope-from-www-authenticate",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/2025-03-26-oauth-endpoint-fallback",
    "auth/resource-mismatch",
    "auth/iss-wrong-issuer",
    "auth/metadata-issuer-mismatch",
]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_protocols_own_suite_for_clients_passes(
    node_program: Path, scenario: str
) -> None:
    command = shlex.join([sys.executable, str(CLIENT)])
    suite = str(MODULES / "conformance/dist/index.js")
    process = await asyncio.create_subprocess_exec(
        *(node_program, suite, "client", "--command", command, "--scenario", scenario),
        cwd=PROJECT,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed.decode()
    assert b"OVERALL: PASSED" in printed, printed.decode()


async def test_a_server_of_the_protocols_makers_works(node_program: Path, tmp_path: Path) -> None:
    program = str(MODULES / "server-everything/dist/index.js")
    file = tmp_path / "mcp.json"
    entry = {"command": str(node_program), "args": [program, "stdio"]}
    file.write_text(json.dumps({"mcpServers": {"everything": entry}}))
    async with GatewayProcess({"GATEWAY_MCP_CONFIG": str(file)}) as gateway:
        async with asyncio.timeout(PATIENCE):
            while await status(gateway) == "starting":
                await asyncio.sleep(0.05)
        assert await status(gateway) == "available"
        assert await called(gateway, "echo", message="hi") == [{"type": "text", "text": "Echo: hi"}]
        image = (await called(gateway, "get-tiny-image"))[1]
        assert (image["type"], image["mimeType"]) == ("image", "image/png")
        steps = await called(gateway, "trigger-long-running-operation", duration=0.2, steps=2)
        assert "Steps: 2" in steps[0]["text"]
    assert gateway.exit_code == 0


async def status(gateway: GatewayProcess) -> str:
    listed = (await ask(gateway.port, "GET", "/v1/mcp/servers")).json["servers"]
    return next(str(server["status"]) for server in listed if server["id"] == "everything")


async def called(gateway: GatewayProcess, tool: str, **arguments: object) -> Any:
    body = {"server": "everything", "tool": tool, "arguments": arguments}
    answer = (await ask(gateway.port, "POST", "/v1/mcp/tools/call", body)).json
    assert not answer["is_error"], answer
    return answer["content"]
