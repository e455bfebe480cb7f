"""A gateway as an external server of another one: what goes through both is what was there."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import GatewayProcess
from tests.wire.mcp.conftest import KEY, NARROW, connected, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("mode", NARROW),
]

NEAR_KEY = "gw-CANARY-near"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def near(
    everything: GatewayProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """The gateway that a client sees; the other one has the tools."""
    config: Path = tmp_path_factory.mktemp("near") / "mcp.json"
    away = {
        "url": f"{everything.url}/mcp/everything",
        "headers": {"Authorization": f"Bearer {KEY}"},
    }
    config.write_text(json.dumps({"mcpServers": {"away": away}}))
    env = {"GATEWAY_MCP_CONFIG": str(config), "GATEWAY_API_KEYS": NEAR_KEY}
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


async def test_tools_are_the_same_through_two_gateways(
    everything: GatewayProcess, near: GatewayProcess, mode: str
) -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None = None, message: str | None = None) -> None:
        told.append(progress)

    async with (
        connected(everything, mode, "/mcp/everything") as there,
        connected(near, mode, "/mcp/away", NEAR_KEY) as here,
    ):

        async def lacking() -> set[str]:
            names = {tool.name for tool in (await here.list_tools()).tools}
            return {tool.name for tool in (await there.list_tools()).tools} - names

        await until(set(), lacking)
        for name in ("test_multiple_content_types", "test_link", "test_error_handling"):
            got: Any = await here.call_tool(name, {})
            wanted: Any = await there.call_tool(name, {})
            assert got.content == wanted.content
            assert got.structured_content == wanted.structured_content
            assert got.is_error == wanted.is_error
        await here.call_tool("test_tool_with_progress", {}, progress_callback=hear)
    assert told == [0, 50, 100]


async def test_s16_the_far_gateway_is_asked_with_the_operators_key_and_not_the_callers(
    everything: GatewayProcess, near: GatewayProcess, mode: str
) -> None:
    async with (
        connected(everything, mode, "/mcp/everything") as there,
        connected(near, mode, "/mcp/away", NEAR_KEY) as here,
    ):
        got: Any = (await here.call_tool("test_who", {})).structured_content
        wanted: Any = (await there.call_tool("test_who", {})).structured_content
    assert got["principal"] == wanted["principal"]
