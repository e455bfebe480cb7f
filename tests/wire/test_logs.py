"""The log of a real gateway: a line for each request, and whose work every other line was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.process import GatewayDidNotStart
from claude_gateway.testing.raw import ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, tool_use
from tests.wire.tool_turns import CHAT, chat, get, installed, opened, workspace

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALKING: Mapping[str, object] = {"enabled_servers": ["talking"]}
EVENTS = ["a tool talks", "a library talks", "a thread talks", "a tool has waited"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def talking(
    env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    site = installed(tmp_path_factory.mktemp("site"), "talking_tools")
    loud = {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "GATEWAY_API_KEYS": "",
        "GATEWAY_AUTH": "local",
    }
    async with GatewayProcess(env | site | loud) as gateway:
        yield gateway


def lines(gateway: GatewayProcess, **having: object) -> list[dict[str, Any]]:
    """The lines of the log that say this."""
    every = [json.loads(line) for line in gateway.stderr.splitlines()]
    return [line for line in every if having.items() <= line.items()]


async def line_of(gateway: GatewayProcess, request_id: str) -> dict[str, Any]:
    """The line of a request, once it is written: lines are collected for a moment."""
    async with asyncio.timeout(5):
        while not (found := lines(gateway, event="request", request_id=request_id)):
            await asyncio.sleep(0.01)
    (line,) = found
    return line


def talks(upstream: FakeAnthropic, until: str = ".") -> None:
    call = tool_use("talking__talk", json.dumps({"until": until}), id="toolu_1")
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Done.")))


async def test_one_line_says_all_there_is_to_say_of_a_request(
    talking: GatewayProcess, upstream: FakeAnthropic
) -> None:
    talks(upstream)
    answer = await chat(talking, mcp=TALKING)
    line = await line_of(talking, answer.header("x-request-id") or "")
    known = {
        "level": "info",
        "method": "POST",
        "route": CHAT,
        "status": 200,
        "principal": "owner",
        "rounds": 2,
        "stream": False,
        "bytes_out": len(answer.body),
    }
    assert known.items() <= line.items()
    assert line["model"].startswith("claude-sonnet")
    assert line["input_tokens"] == answer.json["usage"]["prompt_tokens"]
    assert line["output_tokens"] == answer.json["usage"]["completion_tokens"]
    assert 0 < line["cost"] < 1
    assert line["bytes_in"] > 50
    assert line["ms"] >= line["upstream_ms"] > 0
    assert line["ms"] >= line["tools_ms"] > 0


async def test_lines_of_a_tool_say_for_whom_it_was_called(
    talking: GatewayProcess, upstream: FakeAnthropic
) -> None:
    talks(upstream)
    answer = await chat(talking, mcp=TALKING)
    request_id = answer.header("x-request-id") or ""
    whose = await line_of(talking, request_id)
    said = [line for line in lines(talking, request_id=request_id) if line["event"] in EVENTS]
    assert sorted(line["event"] for line in said) == sorted(EVENTS)
    for line in said:
        assert (line["run"], line["principal"]) == (whose["run"], "owner")
    assert {line["logger"] for line in said} == {"talking_tools", "some.library"}


async def test_lines_of_a_run_whose_client_has_left_say_the_same(
    talking: GatewayProcess, upstream: FakeAnthropic
) -> None:
    session, until = uuid4().hex, uuid4().hex
    talks(upstream, until)
    asked = {"model": "sonnet", "messages": [{"role": "user", "content": "Go"}], "mcp": TALKING}
    body = {**asked, "session_id": session, "stream": True, "on_disconnect": "detach"}
    connection = await opened(talking, CHAT, body)
    async with asyncio.timeout(5):
        while not _begun(talking, until):
            await asyncio.sleep(0.01)
    await connection.__aexit__(None, None, None)
    (begun,) = _begun(talking, until)
    request_id, run = begun["request_id"], begun["run"]
    left = await line_of(talking, request_id)
    other = await chat(talking, "Somebody else asks meanwhile.")
    assert other.status == 200
    (workspace(talking) / until).touch()
    async with asyncio.timeout(5):
        while not lines(talking, event="a tool has waited", run=run):
            await asyncio.sleep(0.01)
    (waited,) = lines(talking, event="a tool has waited", run=run)
    assert (waited["request_id"], waited["principal"]) == (request_id, "owner")
    assert left["run"] == run
    assert (await get(talking, f"/v1/runs/{run}"))["id"] == run


def _begun(gateway: GatewayProcess, until: str) -> list[dict[str, Any]]:
    return lines(gateway, event="a tool talks", until=until)


async def test_the_least_level_leaves_lines_out(env: dict[str, str]) -> None:
    async with GatewayProcess(env | {"LOG_LEVEL": "WARNING"}) as gateway:
        await ask(gateway.port, "GET", "/health")
        refused = await ask(gateway.port, "GET", "/v1/models", b"", {"x-api-key": "gw-wrong"})
        await line_of(gateway, refused.header("x-request-id") or "")
    assert [line["route"] for line in lines(gateway)] == ["/v1/models"]
    assert [line["level"] for line in lines(gateway)] == ["warning"]


async def test_a_level_that_does_not_exist_is_named() -> None:
    with pytest.raises(GatewayDidNotStart) as refusal:
        async with GatewayProcess({"LOG_LEVEL": "loud"}):
            raise AssertionError
    assert "LOG_LEVEL" in str(refusal.value)
    assert "wants one of debug, info, warning, error, critical, not 'loud'" in str(refusal.value)


async def test_debug_is_a_level_as_well(env: dict[str, str]) -> None:
    loud = {"DEBUG": "true", "LOG_LEVEL": "error"}
    async with GatewayProcess(env | loud) as gateway:
        answer = await ask(gateway.port, "GET", "/health")
        assert (await line_of(gateway, answer.header("x-request-id") or ""))["level"] == "info"
