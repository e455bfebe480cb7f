"""A gateway that is told to stop in the middle of answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, request
from claude_gateway.testing.wire import text_stream

CHAT = "/v1/chat/completions"
BODY = {
    "model": "sonnet",
    "stream": True,
    "session_id": "s",
    "messages": [{"role": "user", "content": "Hi"}],
}


def env_of(upstream: FakeAnthropic, folder: Path, patience: str) -> dict[str, str]:
    return {
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": upstream.url,
        "GATEWAY_DATA_DIR": str(folder),
        "GATEWAY_SHUTDOWN_TIMEOUT": patience,
    }


async def test_what_was_said_until_the_stop_is_kept_told_and_billed(tmp_path: Path) -> None:
    async with FakeAnthropic() as upstream:
        env = env_of(upstream, tmp_path, "1")
        upstream.script(Stream([*text_stream("It was a dark night")[:4], Hang()]))
        async with GatewayProcess(env) as gateway, Connection(gateway.port) as connection:
            await connection.send(request("POST", CHAT, BODY))
            run = (await connection.head()).header("x-run-id")
            seen = b""
            while b"dark" not in seen:
                seen += await connection.chunk()
            gateway.process.terminate()
            while not seen.endswith(b"data: [DONE]\n\n"):
                seen += await connection.chunk()
            assert b'"code":"shutting_down"' in seen
            assert await gateway.wait() == 0
        async with GatewayProcess(env) as gateway:
            state = (await ask(gateway.port, "GET", f"/v1/runs/{run}")).json
            assert (state["status"], state["error"]["code"]) == ("interrupted", "shutting_down")
            assert state["usage"]["output_tokens"] >= 5
            assert state["total_cost"] > 0
            events = await ask(gateway.port, "GET", f"/v1/runs/{run}/events")
            assert events.body == seen
            listed = (await ask(gateway.port, "GET", "/v1/sessions/s/messages")).json["messages"]
            assert [m["content"] for m in listed] == ["Hi", "It was a dark night"]


async def test_a_short_answer_that_nobody_listens_to_is_finished_before_the_stop(
    tmp_path: Path,
) -> None:
    async with FakeAnthropic() as upstream:
        env = env_of(upstream, tmp_path, "10")
        go_on = asyncio.Event()
        frames = text_stream("Hel", "lo")
        upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
        async with GatewayProcess(env) as gateway:
            async with Connection(gateway.port) as connection:
                await connection.send(request("POST", CHAT, BODY))
                run = (await connection.head()).header("x-run-id")
            gateway.process.terminate()
            await asyncio.sleep(0.3)
            assert gateway.exit_code is None
            go_on.set()
            assert await gateway.wait() == 0
        async with GatewayProcess(env) as gateway:
            state = (await ask(gateway.port, "GET", f"/v1/runs/{run}")).json
            assert state["status"] == "completed"
