"""Turns with tools whose client leaves, comes back, or whose gateway dies."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Connection, ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text
from tests.wire.conftest import UPSTREAM_KEY
from tests.wire.tool_turns import (
    CHAT,
    GATE,
    calling,
    chat,
    get,
    history,
    installed,
    messages,
    opened,
    results,
    said,
    there,
    workspace,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = pytest.mark.parametrize("stream", [False, True])


def asked(**fields: object) -> dict[str, object]:
    return {
        "model": "sonnet",
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": GATE,
        **fields,
    }


def waiting(upstream: FakeAnthropic, name: str) -> None:
    """Let the model call a tool that waits, beside one that does not."""
    upstream.script(
        answering(
            text("Wait."),
            calling("echo", "toolu_1", name="a"),
            calling("wait", "toolu_2", name=name),
            stop_reason="tool_use",
        ),
        answering(text("Came.")),
    )


@pytest.fixture
def name() -> str:
    return uuid4().hex


async def until_over(gateway: GatewayProcess, session: str) -> Any:
    """Wait until the session's run is over, and return it."""
    async with asyncio.timeout(5):
        while True:
            (run,) = (await get(gateway, f"/v1/runs?session_id={session}"))["runs"]
            if run["status"] != "running":
                return run
            await asyncio.sleep(0.01)


def environment(fake: FakeAnthropic, folder: Path) -> dict[str, str]:
    """The environment of a gateway with the gate, whose data outlive it."""
    (folder / "site").mkdir()
    return {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_DATA_DIR": str(folder / "data"),
        "WORKSPACE_DIR": str(folder / "workspace"),
        **installed(folder / "site"),
    }


async def until_kept(data: Path, words: bytes) -> None:
    """Wait until frames that say this are stored."""
    (file,) = data.glob("*.db")
    async with asyncio.timeout(5):
        with closing(sqlite3.connect(file)) as database:
            while not database.execute(
                "SELECT count(*) FROM events WHERE instr(frames, ?)", (words,)
            ).fetchone()[0]:
                await asyncio.sleep(0.01)


async def until_seen(connection: Connection, words: bytes) -> bytes:
    """Read a stream until it has said this."""
    seen = b""
    async with asyncio.timeout(5):
        while words not in seen:
            seen += await connection.chunk()
    return seen


@STREAMS
async def test_t24_t25_a_client_that_leaves_stops_the_tool_and_buys_no_round(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str, stream: bool
) -> None:
    waiting(upstream, name)
    connection = await opened(tooled, CHAT, asked(stream=stream))
    await there(workspace(tooled) / f"{name}.here")
    await connection.__aexit__(None, None, None)
    await there(workspace(tooled) / f"{name}.gone", timeout=1)
    (workspace(tooled) / name).touch()
    await chat(tooled, "Somebody else")
    assert len(upstream.turns) == 2
    assert messages(upstream.turns[1]) == [("user", "Somebody else")]


@STREAMS
async def test_t25_t26_a_turn_that_is_cancelled_keeps_what_its_tools_did(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str, stream: bool
) -> None:
    waiting(upstream, name)
    about = {"session_id": name, "on_disconnect": "cancel"}
    connection = await opened(tooled, CHAT, asked(stream=stream, **about))
    await there(workspace(tooled) / f"{name}.here")
    while not (await get(tooled, f"/v1/sessions/{name}/tools?status=completed"))["total"]:
        await asyncio.sleep(0.01)
    await connection.__aexit__(None, None, None)
    await there(workspace(tooled) / f"{name}.gone", timeout=1)
    assert (await until_over(tooled, name))["status"] == "cancelled"
    kept = (await get(tooled, f"/v1/sessions/{name}/tools"))["executions"]
    assert {e["tool_name"]: e["status"] for e in kept} == {"echo": "completed", "wait": "failed"}
    assert (await get(tooled, f"/v1/sessions/{name}"))["total_tokens"] == 15  # T-26: it is paid for
    upstream.reset()
    await chat(tooled, "And now?", session_id=name)
    told = messages(upstream.turns[0])
    assert [role for role, _ in told] == ["user", "assistant", "user"]
    first, second, words = told[2][1]
    assert first["content"][0]["text"].startswith("a in ")
    assert second["is_error"] is True
    assert "stopped" in second["content"]
    assert words == {"type": "text", "text": "And now?"}


@STREAMS
async def test_t24_with_detach_the_turn_goes_on_without_its_client(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str, stream: bool
) -> None:
    waiting(upstream, name)
    connection = await opened(tooled, CHAT, asked(stream=stream, session_id=name))
    await there(workspace(tooled) / f"{name}.here")
    await connection.__aexit__(None, None, None)
    (workspace(tooled) / name).touch()
    assert (await until_over(tooled, name))["status"] == "completed"
    assert not (workspace(tooled) / f"{name}.gone").exists()
    assert [m["content"] for m in await history(tooled, name)][-1] == "Came."


async def test_t27_a_stream_is_not_silent_while_tools_run(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    waiting(upstream, name)
    connection = await opened(tooled, CHAT, asked(stream=True))
    await connection.head()
    await there(workspace(tooled) / f"{name}.here")
    await until_seen(connection, b"Wait.")
    await until_seen(connection, b": ping\n")
    (workspace(tooled) / name).touch()
    rest = await until_seen(connection, b"[DONE]")
    assert said(rest) == "Came."
    await connection.__aexit__(None, None, None)


async def test_t28_a_stream_can_be_taken_up_while_a_tool_runs(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    waiting(upstream, name)
    options = {"stream_options": {"include_events": True}}
    first = await opened(tooled, CHAT, asked(stream=True, session_id=name, **options))
    run = (await first.head()).header("x-run-id")
    seen = await until_seen(first, b'"tool_result"')
    await there(workspace(tooled) / f"{name}.here")
    await first.__aexit__(None, None, None)
    again = asyncio.ensure_future(ask(tooled.port, "GET", f"/v1/runs/{run}/events?after=2"))
    (workspace(tooled) / name).touch()
    rest = (await again).body.replace(b": ping\n", b"")
    whole = (await ask(tooled.port, "GET", f"/v1/runs/{run}/events")).body
    assert whole.endswith(rest)
    assert whole.startswith(seen.replace(b": ping\n", b""))
    assert whole.count(b"\n\n") == rest.count(b"\n\n") + 2


async def test_a_deadline_ends_the_tool_and_leaves_a_conversation_that_goes_on(
    tooled: GatewayProcess, upstream: FakeAnthropic, name: str
) -> None:
    waiting(upstream, name)
    headers = {"x-gateway-timeout": "0.5"}
    late = await ask(tooled.port, "POST", CHAT, asked(session_id=name), headers)
    assert late.status == 504, late.body
    assert (workspace(tooled) / f"{name}.gone").exists()
    upstream.reset()
    await chat(tooled, "And now?", session_id=name)
    assert [r["tool_use_id"] for r in results(upstream.turns[0])] == ["toolu_1", "toolu_2"]


async def test_t28_a_gateway_that_is_killed_in_a_tool_goes_on_after_its_restart(
    fake: FakeAnthropic, upstream: FakeAnthropic, tmp_path: Path
) -> None:
    env = environment(fake, tmp_path)
    upstream.script(
        answering(text("One."), calling("echo", "toolu_0", name="a"), stop_reason="tool_use"),
        answering(
            text("Two."),
            calling("echo", "toolu_1", name="a"),
            calling("wait", "toolu_2", name="never"),
            stop_reason="tool_use",
        ),
    )
    async with GatewayProcess(env) as gateway:
        connection = await opened(gateway, CHAT, asked(stream=True, session_id="s"))
        await connection.head()
        await until_seen(connection, b"Two.")
        await there(tmp_path / "workspace" / "never.here")
        await until_kept(tmp_path / "data", b"Two.")  # what is kept twice would show
        await gateway.kill()
        await connection.__aexit__(None, None, None)
    upstream.script(answering(text("Three.")))
    async with GatewayProcess(env) as gateway:
        kept = (await get(gateway, "/v1/sessions/s/tools"))["executions"]
        assert sorted(e["status"] for e in kept) == ["completed", "completed", "failed"]
        (run,) = (await get(gateway, "/v1/runs?session_id=s"))["runs"]
        assert run["status"] == "interrupted"
        texts = [m["content"] for m in await history(gateway, "s") if m["role"] == "assistant"]
        assert texts == ["One.", "Two."]
        again = await chat(gateway, "And now?", session_id="s", mcp=GATE)
        assert again.status == 200, again.body
    told = messages(upstream.turns[-1])
    assert [role for role, _ in told] == ["user", "assistant", "user", "assistant", "user"]
    assert [b["tool_use_id"] for b in results(upstream.turns[-1])] == ["toolu_1", "toolu_2"]
    assert all(block["is_error"] for block in results(upstream.turns[-1]))
