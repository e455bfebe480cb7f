"""Many who want nothing, many who leave: the gateway answers among them, and forgets them."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Received, Reply, Stream
from claude_gateway.testing.raw import Connection, ask, asking, chat_body, request
from claude_gateway.testing.wire import text_stream
from tests.wire.hostile import LONG, much, resident

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc"),
]

CHAT = "/v1/chat/completions"
IDLE = much(1_000, 10_000)
REQUESTS = much(2_000, 100_000)
LEAVING = 10  # one of so many leaves in the middle of its answer
AT_ONCE = 20
# Whole answers in each format, and what is in the last frame of each.
ENDS = {CHAT: b"[DONE]", "/v1/messages": b"message_stop", "/v1/responses": b"response.completed"}
# Few responses that are kept do not fill the store's cache of pages, so that memory would grow.
BESIDE = {"/v1/responses": {"store": LONG}}
LIVE = 50
ABANDONED = 1_000


def played(received: Received) -> Reply | Stream:
    """Answer in full, or begin and never end for somebody who will leave."""
    start = text_stream("Hel", "lo")
    return Stream([*start[:4], Hang()] if b"I leave" in received.body else start)


@pytest_asyncio.fixture(loop_scope="session")
async def slow_upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        upstream.always(played)
        yield upstream


@pytest_asyncio.fixture(loop_scope="session")
async def crowded(slow_upstream: FakeAnthropic) -> AsyncGenerator[GatewayProcess]:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": slow_upstream.url,
        "GATEWAY_MAX_LIVE_RUNS": str(LIVE),
        "GATEWAY_SHUTDOWN_TIMEOUT": "1",
        "LOG_LEVEL": "error",
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert gateway.exit_code == 0
    assert gateway.stderr == ""


async def until(upstream: FakeAnthropic, streams: int) -> None:
    """Wait until so many answers are open upstream."""
    async with asyncio.timeout(20):
        while upstream.open_streams != streams:
            await asyncio.sleep(0.02)


def files(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))


async def test_s14_among_connections_that_only_wait_an_answer_is_given(
    crowded: GatewayProcess,
) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * IDLE:
        pytest.skip(f"needs ulimit -n {2 * IDLE}")
    before = files(crowded)
    async with AsyncExitStack() as stack:
        idle = [
            await stack.enter_async_context(Connection(crowded.port, timeout=30))
            for _ in range(IDLE)
        ]
        for connection in idle:
            await connection.send(request("GET", "/health"))
        for connection in idle:
            assert (await connection.response()).status == 200
        assert files(crowded) >= IDLE
        answer = await ask(crowded.port, "POST", CHAT, chat_body(stream=True))
        assert answer.frames[-1] == b"data: [DONE]\n\n"
        await idle[0].send(request("GET", "/health"))
        assert (await idle[0].response()).status == 200
    async with asyncio.timeout(20):
        while files(crowded) > before + 10:  # some stay to upstream
            await asyncio.sleep(0.05)


async def test_s18_a_thousand_abandoned_runs_stay_under_the_cap(
    crowded: GatewayProcess, slow_upstream: FakeAnthropic
) -> None:
    taken, refused = 0, 0
    for number in range(ABANDONED):
        async with Connection(crowded.port) as phone:
            body = chat_body("I leave", stream=True, session_id=f"s{number}")
            await phone.send(request("POST", CHAT, body))
            status = (await phone.head()).status
            taken, refused = taken + (status == 200), refused + (status == 429)
    assert (taken, refused) == (LIVE, ABANDONED - LIVE)
    assert slow_upstream.open_streams == LIVE
    assert (await ask(crowded.port, "GET", "/health")).status == 200


@pytest.mark.timeout(3_600 if LONG else 120)
async def test_s18_memory_stays_where_it_was_while_clients_come_and_leave(
    crowded: GatewayProcess, slow_upstream: FakeAnthropic
) -> None:
    numbers = iter(range(REQUESTS))

    async def device() -> None:
        for number in numbers:
            leaves = number % LEAVING == 0
            words = "I leave" if leaves else f"number {number}"
            path = list(ENDS)[number % len(ENDS)]
            body = asking(path, words, stream=True, **BESIDE.get(path, {}))
            async with Connection(crowded.port, timeout=30) as connection:
                await connection.send(request("POST", path, body))
                if leaves:
                    assert (await connection.head()).status == 200
                else:
                    assert ENDS[path] in (await connection.response()).frames[-1]
            slow_upstream.requests.clear()
            if number % (REQUESTS // 10) == 0:
                held.append(resident(crowded))

    held: list[int] = []
    await asyncio.gather(*(device() for _ in range(AT_ONCE)))
    await until(slow_upstream, 0)
    held.append(resident(crowded))
    told = f"KiB after each tenth of {REQUESTS} requests: {[size >> 10 for size in held]}"
    print(told)  # noqa: T201
    # Few requests do not fill the store's cache of pages, which is bounded by 16 MiB.
    assert held[-1] - held[5] < max(held[5] * 0.05, much(4 * 2**20, 0)), told
    assert (await ask(crowded.port, "POST", CHAT, chat_body())).status == 200
