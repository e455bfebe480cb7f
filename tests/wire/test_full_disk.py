"""A disk without room: said clearly, nothing broken, and over when there is room again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Response, ask
from claude_gateway.testing.wire import text_stream

MEGABYTE = 2**20


def fill(disk: Path) -> Path:
    """Leave no byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return ballast


async def say(gateway: GatewayProcess, words: str, session: str | None = "s") -> Response:
    body = {
        "model": "sonnet",
        "session_id": session,
        "messages": [{"role": "user", "content": words}],
    }
    return await ask(gateway.port, "POST", "/v1/chat/completions", body)


async def test_a_full_disk_is_a_507_and_no_call_of_the_model(small_disk: Path) -> None:
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_DATA_DIR": str(small_disk / "data"),
        }
        async with GatewayProcess(env) as gateway:
            assert (await say(gateway, "one")).status == 200
            ballast = fill(small_disk)
            refused = await say(gateway, "two " * 20_000)
            assert (refused.status, refused.json["error"]["code"]) == (507, "storage_full")
            assert len(upstream.turns) == 1
            assert (await say(gateway, "stateless", None)).status == 200
            ballast.unlink()
            assert (await say(gateway, "three")).status == 200
            listed = (await ask(gateway.port, "GET", "/v1/sessions/s/messages")).json["messages"]
            assert [m["content"] for m in listed if m["role"] == "user"] == ["one", "three"]


async def test_an_answer_that_finds_no_room_is_told_as_such_and_kept_when_there_is_room(
    small_disk: Path,
) -> None:
    async with FakeAnthropic() as upstream:
        go_on = asyncio.Event()
        piece = "x" * 50_000
        frames = text_stream("Hel", *[piece] * 20)
        upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_DATA_DIR": str(small_disk / "data"),
        }
        async with GatewayProcess(env) as gateway:
            asked = asyncio.create_task(say(gateway, "one"))
            await upstream.wait_turns()
            await asyncio.sleep(0.5)  # what came so far is stored, four times a second
            ballast = fill(small_disk)
            go_on.set()
            refused = await asked
            assert (refused.status, refused.json["error"]["code"]) == (507, "storage_full")
            ballast.unlink()
            async with asyncio.timeout(10):
                while True:
                    path = "/v1/sessions/s/messages"
                    listed = (await ask(gateway.port, "GET", path)).json["messages"]
                    if len(listed) == 2:
                        break
                    await asyncio.sleep(0.1)
            assert listed[1]["content"] == "Hel" + piece * 20
