"""The whole gateway, as a process, with servers of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from claude_gateway.testing import GatewayDidNotStart, GatewayProcess
from claude_gateway.testing.raw import ask

if TYPE_CHECKING:
    from tests.conftest import Notes, Tiny

KEY = "sk-ant-api03-CANARY-upstream"


def configured(tmp_path: Path, servers: Mapping[str, object]) -> dict[str, str]:
    file = tmp_path / "servers.json"
    file.write_text(json.dumps({"mcpServers": servers}))
    return {"GATEWAY_MCP_CONFIG": str(file), "ANTHROPIC_API_KEY": KEY, "DEBUG": "true"}


async def get(gateway: GatewayProcess, path: str) -> Any:
    answer = await ask(gateway.port, "GET", path)
    assert answer.status == 200, answer.body
    return answer.json


async def called(gateway: GatewayProcess, server: str, tool: str, **arguments: object) -> Any:
    body = {"server": server, "tool": tool, "arguments": arguments}
    answer = await ask(gateway.port, "POST", "/v1/mcp/tools/call", body)
    assert answer.status == 200, answer.body
    return answer.json


async def server(gateway: GatewayProcess, id_: str) -> Any:
    return next(s for s in (await get(gateway, "/v1/mcp/servers"))["servers"] if s["id"] == id_)


async def available(gateway: GatewayProcess, id_: str) -> Any:
    async with asyncio.timeout(20):
        while (listed := await server(gateway, id_))["status"] == "starting":
            await asyncio.sleep(0.02)
    return listed


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_servers_are_listed_with_their_states_and_called(tmp_path: Path, tiny: Tiny) -> None:
    servers = {
        "tiny": tiny(allowedTools=["echo", "environment"], description="A tiny server."),
        "off": {"command": "x", "disabled": True},
        "wrong": {"command": "x", "env": {"K": "${MISSING_VARIABLE}"}},
        "gone": {"command": "no-such-program-ever"},
    }
    async with GatewayProcess(configured(tmp_path, servers)) as gateway:
        for id_ in servers:
            await available(gateway, id_)
        listed = {s["id"]: s for s in (await get(gateway, "/v1/mcp/servers"))["servers"]}
        assert listed["tiny"] | {"name": "tiny", "status": "available"} == listed["tiny"]
        assert listed["tiny"]["tool_count"] == 2
        assert listed["tiny"]["description"] == "A tiny server."
        assert listed["off"]["status"] == "disabled"
        assert listed["wrong"]["status"] == "error"
        assert "mcpServers.wrong: env.K asks for the variable MISSING_VARIABLE" in str(listed)
        assert "was not found on the PATH" in listed["gone"]["reason"]
        answer = await called(gateway, "tiny", "echo", text="hello")
        assert answer["content"] == [{"type": "text", "text": "hello"}]
        seen = (await called(gateway, "tiny", "environment"))["content"][0]["text"]
        assert "CANARY" not in seen
        assert "GATEWAY_" not in seen
    assert "CANARY" not in gateway.output()


async def test_t33_nothing_is_left_when_the_gateway_stops(
    tmp_path: Path, tiny: Tiny, notes: Notes
) -> None:
    servers = {"one": tiny("stays", "ignores-signals", "has-a-child"), "two": tiny("silent")}
    async with GatewayProcess(configured(tmp_path, servers)) as gateway:
        await available(gateway, "one")
        assert all(map(alive, notes.pids))
    assert gateway.exit_code == 0
    assert len(notes.pids) >= 3
    assert not any(map(alive, notes.pids))


async def test_t33_nothing_is_left_when_the_gateway_is_killed(
    tmp_path: Path, tiny: Tiny, notes: Notes
) -> None:
    servers = {"one": tiny("stays", "ignores-signals", "has-a-child"), "two": tiny("silent")}
    async with GatewayProcess(configured(tmp_path, servers)) as gateway:
        await available(gateway, "one")
        assert all(map(alive, notes.pids))
        await gateway.kill()
        async with asyncio.timeout(10):
            while any(map(alive, notes.pids)):
                await asyncio.sleep(0.01)
    assert len(notes.pids) >= 3


async def test_t33_a_killed_server_is_back_within_twenty_seconds(
    tmp_path: Path, tiny: Tiny, notes: Notes
) -> None:
    async with GatewayProcess(configured(tmp_path, {"tiny": tiny()})) as gateway:
        await available(gateway, "tiny")
        os.kill(notes.pids[0], signal.SIGKILL)
        async with asyncio.timeout(20):
            while len(notes.pids) < 2 or (await server(gateway, "tiny"))["status"] != "available":
                await asyncio.sleep(0.02)
            assert not (await called(gateway, "tiny", "echo", text="x"))["is_error"]


async def test_a_dead_server_makes_a_failed_result_and_the_health_says_so(
    tmp_path: Path, tiny: Tiny
) -> None:
    entry = tiny()
    async with GatewayProcess(configured(tmp_path, {"tiny": entry})) as gateway:
        await available(gateway, "tiny")
        answer = await called(gateway, "tiny", "die")
        assert answer["is_error"]
        assert "ended with status 3" in answer["content"][0]["text"]


async def becomes(gateway: GatewayProcess, status: str, *, servers: bool) -> Any:
    async with asyncio.timeout(30):
        while True:
            health = (await ask(gateway.port, "GET", "/health")).json
            if (health["status"], health["checks"]["mcp_servers"]) == (status, servers):
                return health
            await asyncio.sleep(0.05)


async def test_the_health_follows_a_server_that_dies_and_returns(
    tmp_path: Path, tiny: Tiny
) -> None:
    entry = tiny()
    program, away = tmp_path / "server.py", tmp_path / "away.py"
    words = cast("list[str]", entry["args"])
    (script,) = (word for word in words if word.endswith(".py"))
    shutil.copy(script, program)
    entry = {**entry, "args": [str(program) if word == script else word for word in words]}
    env = {
        "GATEWAY_MCP_CONFIG": configured(tmp_path, {"tiny": entry})["GATEWAY_MCP_CONFIG"],
        "GATEWAY_HEALTH_SECONDS": "1",
    }
    async with GatewayProcess(env) as gateway:
        await available(gateway, "tiny")
        await becomes(gateway, "healthy", servers=True)
        program.rename(away)
        assert (await called(gateway, "tiny", "die"))["is_error"]
        await becomes(gateway, "degraded", servers=False)
        away.rename(program)
        await becomes(gateway, "healthy", servers=True)
        assert not (await called(gateway, "tiny", "echo", text="x"))["is_error"]


@pytest.mark.parametrize(
    ("content", "reason"), [("{", "is not JSON"), (None, "which is not there")]
)
async def test_a_file_that_cannot_be_used_stops_the_start_in_one_sentence(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "servers.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(GatewayDidNotStart, match=reason) as stop:
        await GatewayProcess({"GATEWAY_MCP_CONFIG": str(file)}).__aenter__()
    assert "Traceback" not in str(stop.value)
    assert "claude-gateway-mcp" in str(stop.value)


async def test_s4_nothing_over_http_starts_a_program(tmp_path: Path, tiny: Tiny) -> None:
    canary = tmp_path / "started"
    entry = {"name": "evil", "command": "bash", "args": ["-c", f"touch {canary}"]}
    async with GatewayProcess(configured(tmp_path, {"tiny": tiny()})) as gateway:
        for path in ("/v1/mcp/servers", "/v1/mcp/servers/evil", "/v1/mcp/servers/test"):
            for method in ("POST", "PUT", "PATCH"):
                answer = await ask(gateway.port, method, path, entry)
                assert answer.status in (404, 405)
    assert not canary.exists()
