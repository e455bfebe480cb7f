"""What a barrage takes of memory is given back when it is over.

HOSTILE_TESTS=long holds ten times as many connections, and goes on for longer.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Connection, ask, chat_body, request
from tests.wire.hostile import LONG, much, resident, throw

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc"),
    pytest.mark.timeout(1_800 if LONG else 120),
]

MB = 2**20
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
IDLE, ROUNDS = much(300, 10_000), much(3, 20)
# What may stay. A round sends about a hundred megabytes, in bodies of up to 6 MB; what is freed of them glibc
# keeps in part: at the top of its heap up to twice the largest block that it has seen freed, and below that
# whatever lies beneath something small that lives. That comes once: what later rounds add is next to nothing.
LEFT = 64 * MB
MORE = 16 * MB


@pytest_asyncio.fixture(loop_scope="session")
async def beset(fake: FakeAnthropic) -> AsyncGenerator[GatewayProcess]:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_HEADER_TIMEOUT": "2",
        "GATEWAY_BODY_TIMEOUT": "2",
        "LOG_LEVEL": "error",
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert gateway.exit_code == 0
    assert "Traceback" not in gateway.output()


async def deep(port: int) -> None:
    """Send JSON that is nested without end, as a whole and as a field."""
    for path in (CHAT, MESSAGES, RESPONSES, "/v1/sessions", "/mcp"):
        for body in (b'{"a":' * MB, b"[" * 4 * MB, b'{"messages":' + b"[" * MB + b"]" * MB + b"}"):
            assert 400 <= (await ask(port, "POST", path, body)).status < 500


async def long(port: int) -> None:
    """Send ids and fields that are as long as can be."""
    big = "x" * (6 * MB)
    for path in (CHAT, MESSAGES, RESPONSES):
        body = {"model": big, "messages": [{"role": "user", "content": "Hello"}], "input": "Hello"}
        assert 400 <= (await ask(port, "POST", path, body)).status < 500
    assert (await ask(port, "POST", CHAT, chat_body(session_id=big))).status == 400
    for _ in range(50):
        assert (await ask(port, "GET", "/v1/sessions/" + "x" * 8_000)).status == 404


async def flooded(port: int) -> None:
    """Send more headers than are read, and ever the same one."""
    lines = b"".join(b"x-%d: %b\r\n" % (n, b"y" * 1_000) for n in range(500))
    for flood in (lines, lines * 10, b"x: y\r\n" * 50_000, b"x: " + b"y" * MB + b"\r\n"):
        answer = await throw(port, b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + flood + b"\r\n")
        assert answer is None or 400 <= answer.status < 500


async def slowly(port: int) -> None:
    """Begin requests, with a megabyte of a body or half of a header, and leave them there."""
    begun = request("POST", CHAT, b"", {"content-length": str(30 * MB)}) + b"{" + b" " * MB
    async with AsyncExitStack() as stack:
        open_ones = [
            await stack.enter_async_context(Connection(port, timeout=30)) for _ in range(40)
        ]
        for number, connection in enumerate(open_ones):
            await connection.send(begun if number % 2 else b"GET /health HTTP/1.1\r\nhost: loc")
        for connection in open_ones:  # until the gateway has had enough
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await connection.response()


async def idly(port: int) -> None:
    """Open connections, ask once, and stay."""
    async with AsyncExitStack() as stack:
        for _ in range(IDLE):
            connection = await stack.enter_async_context(Connection(port, timeout=30))
            await connection.send(request("GET", "/health"))
            assert (await connection.response()).status == 200


BARRAGE: tuple[Callable[[int], Awaitable[None]], ...] = (deep, long, flooded, slowly, idly)


async def settled(gateway: GatewayProcess, most: int) -> int:
    """Wait until no more than this is held, for as long as a test may wait; return what is held."""
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while resident(gateway) > most:
                assert (await ask(gateway.port, "GET", "/health")).status == 200
                await asyncio.sleep(0.1)
    return resident(gateway)


async def most_during(gateway: GatewayProcess, work: Awaitable[object]) -> int:
    """Return the most that was held while something went on."""
    most, task = 0, asyncio.ensure_future(work)
    while not task.done():
        most = max(most, resident(gateway))
        await asyncio.wait({task}, timeout=0.02)
    await task
    return most


async def test_s14_memory_returns_after_a_barrage(
    beset: GatewayProcess, upstream: FakeAnthropic
) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * IDLE:
        pytest.skip(f"needs ulimit -n {2 * IDLE}")
    for _ in range(50):
        assert (await ask(beset.port, "POST", CHAT, chat_body())).status == 200
    before, most, held = resident(beset), 0, list[int]()
    for _ in range(ROUNDS):
        for hostile in BARRAGE:
            most = max(most, await most_during(beset, hostile(beset.port)))
        held.append(await settled(beset, before + LEFT))
    told = f"{before >> 10} KiB before, at most {most >> 10}, then {[h >> 10 for h in held]}"
    print(told)  # noqa: T201
    assert max(held) <= before + LEFT, told
    assert held[-1] <= held[ROUNDS // 2] + MORE, told
    assert (await ask(beset.port, "POST", CHAT, chat_body())).status == 200


async def unpacked(port: int) -> None:
    """Send bodies that are not packed as they say."""
    said = {"content-encoding": "gzip", "content-length": str(MB)}
    for _ in range(4):
        answer = await throw(port, request("POST", CHAT, b"", said) + b"x" * MB)
        assert answer is None or 400 <= answer.status < 500


@pytest.mark.parametrize("hostile", [flooded, unpacked])
async def test_s14_what_could_not_be_read_is_let_go_of_without_the_garbage_collector(
    beset: GatewayProcess, hostile: Callable[[int], Awaitable[None]]
) -> None:
    await hostile(beset.port)
    before = resident(beset)
    for _ in range(much(20, 200)):  # four to seven megabytes each
        await hostile(beset.port)
    assert resident(beset) - before < 32 * MB
