"""Many sessions at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, request
from claude_gateway.testing.wire import text_stream

CHAT = "/v1/chat/completions"
LIVE = 200
MOST = 200 * 1024  # bytes of memory for each session that is at work


def started(upstream: FakeAnthropic) -> GatewayProcess:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": upstream.url,
        "GATEWAY_MAX_LIVE_RUNS": "1000",
    }
    return GatewayProcess(env)


def turn(session: str, *, stream: bool = False) -> dict[str, object]:
    return {
        "model": "sonnet",
        "session_id": session,
        "stream": stream,
        "messages": [{"role": "user", "content": f"I am {session}"}],
    }


@pytest.mark.parametrize("number", [10, 200])
async def test_sessions_made_at_once_are_all_made(number: int) -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        made = await asyncio.gather(
            *(
                ask(gateway.port, "POST", "/v1/sessions", {"title": f"Session {n}"})
                for n in range(number)
            )
        )
        assert {response.status for response in made} == {201}
        assert len({response.json["id"] for response in made}) == number
        listed = (await ask(gateway.port, "GET", "/v1/sessions?limit=1")).json
        assert listed["total"] == number


async def test_turns_in_200_sessions_at_once_all_get_their_own_answer() -> None:
    async with FakeAnthropic() as upstream, started(upstream) as gateway:
        answers = await asyncio.gather(
            *(ask(gateway.port, "POST", CHAT, turn(f"s{n}")) for n in range(LIVE))
        )
        assert {answer.status for answer in answers} == {200}
        assert [answer.json["session_id"] for answer in answers] == [f"s{n}" for n in range(LIVE)]
        for n in (0, LIVE - 1):
            path = f"/v1/sessions/s{n}/messages"
            messages = (await ask(gateway.port, "GET", path)).json["messages"]
            assert messages[0]["content"] == f"I am s{n}"
            assert len(messages) == 2
        stats = (await ask(gateway.port, "GET", "/v1/sessions/stats")).json
        assert (stats["active_sessions"], stats["total_messages"]) == (LIVE, 2 * LIVE)
        assert stats["total_tokens"] == 15 * LIVE


async def test_s18_runs_that_nobody_comes_back_for_stay_under_the_cap() -> None:
    async with FakeAnthropic() as upstream:
        upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_MAX_LIVE_RUNS": "20",
        }
        async with GatewayProcess(env) as gateway:
            runs: list[str | None] = []
            refused = 0
            for n in range(60):
                async with Connection(gateway.port) as connection:
                    body = turn(f"s{n}", stream=True)
                    await connection.send(request("POST", CHAT, body))
                    head = await connection.head()
                    refused += head.status == 429
                    runs.append(head.header("x-run-id"))
            assert (refused, upstream.open_streams) == (40, 20)
            last = await ask(gateway.port, "POST", CHAT, turn("one-more"))
            assert last.json["error"]["code"] == "too_many_runs"
            assert last.header("retry-after")
            await ask(gateway.port, "POST", f"/v1/runs/{runs[0]}/cancel")
            async with Connection(gateway.port) as connection:
                await connection.send(request("POST", CHAT, turn("again", stream=True)))
                assert (await connection.head()).status == 200


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_a_session_at_work_takes_little_memory() -> None:
    async with (
        FakeAnthropic() as upstream,
        started(upstream) as gateway,
        AsyncExitStack() as stack,
    ):
        memory = Path(f"/proc/{gateway.process.pid}/statm")
        upstream.always(Stream([*text_stream("Hel" * 1000)[:4], Hang()]))

        async def at_work(session: str) -> None:
            connection = await stack.enter_async_context(Connection(gateway.port, timeout=20))
            await connection.send(request("POST", CHAT, turn(session, stream=True)))
            await connection.head()
            while b"HelHel" not in await connection.chunk():
                pass

        async def more(number: int, name: str) -> int:
            await asyncio.gather(*(at_work(f"{name}{n}") for n in range(number)))
            return int(memory.read_text("ascii").split()[1]) * 4096

        before = await more(50, "warm")  # pools and caches are filled
        after = await more(LIVE, "live")
        print(f"{(after - before) / LIVE / 1024:.0f} KiB a session")  # noqa: T201
        assert (after - before) / LIVE < MOST
