"""Whoever listens is told that a list has changed: in a session, and alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp_types import ToolListChangedNotification

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Connection, request
from tests.wire.mcp.conftest import (
    BOTH,
    KEY,
    Raw,
    connected,
    frames,
    standing_alone,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOOLS = "notifications/tools/list_changed"
PROMPTS = "notifications/prompts/list_changed"


@asynccontextmanager
async def listening(raw: Raw, **headers: str) -> AsyncGenerator[Connection]:
    """The stream of a session, from its head on."""
    everything = {"x-api-key": KEY, "Mcp-Session-Id": raw.session, **BOTH, **headers}
    async with Connection(raw.port) as connection:
        await connection.send(request("GET", "/mcp", b"", everything))
        assert (await connection.head()).status == 200
        yield connection


async def change(raw: Raw, what: str) -> None:
    answer = await raw.alone("tools/call", name=f"everything__test_trigger_{what}_change")
    assert answer.status == 200, answer.body


async def told(connection: Connection) -> tuple[str, bytes]:
    """The method of the next message, and the frame that it came in."""
    while True:
        frame = await connection.chunk()
        for message in frames(frame):
            return message["method"], frame


def id_of(frame: bytes) -> str:
    (line,) = [line for line in frame.decode().splitlines() if line.startswith("id: ")]
    return line.removeprefix("id: ")


async def test_a_session_is_told_of_each_list_that_changes(raw: Raw) -> None:
    await raw.shake()
    async with listening(raw) as connection:
        first = await connection.chunk()
        assert first.endswith(b"\nretry: 1000\ndata: \n\n")
        await change(raw, "tool")
        assert (await told(connection))[0] == TOOLS
        await change(raw, "prompt")
        assert (await told(connection))[0] == PROMPTS


async def test_a_session_is_told_of_a_file_that_is_new_but_not_of_what_is_in_it(raw: Raw) -> None:
    async def write(name: str, content: str) -> None:
        arguments = {"path": name, "content": content}
        name = "mcp_filesystem__write_file"
        assert (await raw.alone("tools/call", name=name, arguments=arguments)).status == 200

    await write("changes.txt", "one")
    await raw.shake()
    async with listening(raw) as connection:
        await connection.chunk()
        await write("changes.txt", "one and two")
        await change(raw, "prompt")
        assert (await told(connection))[0] == PROMPTS
        await write("changes-too.txt", "one")
        assert (await told(connection))[0] == "notifications/resources/list_changed"


async def test_older_clients_get_no_event_without_data(raw: Raw) -> None:
    await raw.shake("2025-06-18")
    async with listening(raw) as connection:
        assert await connection.chunk() == b": listening\n\n"


async def test_t28_a_client_that_comes_back_is_told_what_it_missed(raw: Raw) -> None:
    await raw.shake()
    async with listening(raw) as connection:
        seen = id_of(await connection.chunk())
    await change(raw, "tool")
    async with listening(raw, **{"Last-Event-ID": seen}) as connection:
        method, frame = await told(connection)
        assert method == TOOLS
    async with listening(raw, **{"Last-Event-ID": id_of(frame)}) as connection:
        assert id_of(await connection.chunk()) == id_of(frame)
        await change(raw, "prompt")
        assert (await told(connection))[0] == PROMPTS  # and nothing of the tools again
    async with listening(raw, **{"Last-Event-ID": "nonsense"}) as connection:
        await connection.chunk()
        await change(raw, "tool")
        assert (await told(connection))[0] == TOOLS


async def test_the_latest_stream_of_a_session_takes_the_place_of_the_one_before(raw: Raw) -> None:
    await raw.shake()
    async with listening(raw) as first, listening(raw) as second:
        await first.chunk()
        assert await first.chunk() == b""
        await second.chunk()
        await change(raw, "tool")
        assert (await told(second))[0] == TOOLS
        assert (await raw.send(b"", method="DELETE")).status == 204
        assert await second.chunk() == b""


async def test_whoever_stands_alone_is_told_what_they_asked_for_and_nothing_else(raw: Raw) -> None:
    body, headers = standing_alone(
        "subscriptions/listen",
        notifications={"promptsListChanged": True, "toolsListChanged": False},
    )
    async with Connection(raw.port) as connection:
        everything = {"x-api-key": KEY, **BOTH, **headers}
        await connection.send(request("POST", "/mcp", body, everything))
        assert (await connection.head()).status == 200
        about = {"io.modelcontextprotocol/subscriptionId": 7}
        (granted,) = frames(await connection.chunk())
        assert granted["method"] == "notifications/subscriptions/acknowledged"
        assert granted["params"] == {"_meta": about, "notifications": {"promptsListChanged": True}}
        await change(raw, "tool")
        await change(raw, "prompt")
        method, frame = await told(connection)
        assert method == PROMPTS
        assert frames(frame)[0]["params"] == {"_meta": about}


async def test_the_official_client_hears_of_changes_in_a_session(
    everything: GatewayProcess, raw: Raw
) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(message: Any) -> None:
        await heard.put(message)

    async with connected(everything, "legacy", message_handler=hear) as client:
        await client.list_tools()
        hearing = asyncio.create_task(heard.get())
        async with asyncio.timeout(20):
            while not hearing.done():  # its stream may begin after the first change
                await change(raw, "tool")
                await asyncio.wait({hearing}, timeout=1.5)
        assert isinstance(hearing.result(), ToolListChangedNotification)


async def test_the_official_client_hears_of_changes_alone(
    everything: GatewayProcess, raw: Raw
) -> None:
    async with (
        connected(everything, "2026-07-28") as client,
        client.listen(tools_list_changed=True) as heard,
    ):
        await change(raw, "tool")
        async with asyncio.timeout(20):
            event = await anext(aiter(heard))
    assert type(event).__name__ == "ToolsListChanged"


async def test_streams_end_at_once_when_the_gateway_stops(plugin_path: str) -> None:
    async with GatewayProcess({"PYTHONPATH": plugin_path}) as gateway:
        body, headers = standing_alone(
            "subscriptions/listen", notifications={"toolsListChanged": True}
        )
        async with Connection(gateway.port) as connection:
            await connection.send(request("POST", "/mcp", body, {**BOTH, **headers}))
            await connection.head()
            await connection.chunk()
            gateway.process.terminate()
            (last,) = frames(await connection.chunk())
            assert last["id"] == 7
            assert last["result"]["resultType"] == "complete"
            assert await connection.chunk() == b""
    assert gateway.exit_code == 0
