"""Every transport's connections: kept, shared out, let go."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest
from claude_gateway_anthropic.lean import LeanTransport
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport, open_transport

from claude_gateway import UpstreamError, UpstreamTimeout

if TYPE_CHECKING:
    from tests.conftest import FLOOD, Origin
else:
    FLOOD = 64 * 2**20

MakeAccount: TypeAlias = Callable[..., Account]
Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Transport]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BEGUN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
END = b"0\r\n\r\n"
MANY = 500
# Bytes that may be on the way before upstream is made to wait: ours and both kernels' buffers.
MOST_ON_THE_WAY = 24 * 2**20


@pytest.fixture
def connected(origin: Origin, account: MakeAccount) -> Open:
    @asynccontextmanager
    async def connected(**changes: object) -> AsyncGenerator[Transport]:
        async with open_transport(account(**{"url": origin.url, **changes})) as transport:
            yield transport

    return connected


async def send(transport: Transport) -> Reply:
    return await transport.send("POST", "/v1/messages", b"{}", {"x-api-key": "k"})


async def heard() -> None:
    """Give the event loop the turns it needs to hear what has been sent to this process."""
    for _ in range(20):
        await asyncio.sleep(0)


async def ask(transport: Transport) -> bytes:
    reply = await send(transport)
    try:
        return await reply.read()
    finally:
        reply.close()


# --- kept connections


@pytest.mark.parametrize("answer", [OK, BEGUN + END])
async def test_an_answer_read_to_its_end_leaves_its_connection_to_the_next(
    origin: Origin, connected: Open, answer: bytes
) -> None:
    async with connected() as transport:
        for _ in range(5):
            origin.script(answer)
            assert await ask(transport) == b"hello"
    assert origin.connections == 1


async def test_an_answer_read_piece_by_piece_leaves_its_connection_to_the_next(
    origin: Origin, connected: Open
) -> None:
    async with connected() as transport:
        for _ in range(3):
            more = asyncio.Event()
            origin.script(BEGUN, more, END)
            reply = await send(transport)
            assert await reply.chunk() == b"hello"
            more.set()
            assert await reply.chunk() == b""
            assert await reply.chunk() == b""
            reply.close()
            reply.close()
    assert origin.connections == 1


async def test_an_answer_closed_unread_does_not_leave_its_rest_to_the_next(
    origin: Origin, connected: Open
) -> None:
    origin.script(BEGUN, "hang")
    origin.script(OK)
    async with connected() as transport:
        (await send(transport)).close()
        assert await ask(transport) == b"hello"
    assert origin.connections == 2


@pytest.mark.parametrize("header", [b"Connection: close", b"Connection: Close, x"])
async def test_a_connection_that_upstream_will_close_is_not_used_again(
    origin: Origin, connected: Open, header: bytes
) -> None:
    origin.script(OK.replace(b"\r\n", b"\r\n" + header + b"\r\n", 1), "hang")
    origin.script(OK)
    async with connected() as transport:
        assert await ask(transport) == b"hello"
        assert await ask(transport) == b"hello"
    assert origin.connections == 2


async def test_a_kept_connection_that_upstream_closed_is_replaced(
    origin: Origin, connected: Open
) -> None:
    origin.script(OK, "close")
    origin.script(OK)
    async with connected() as transport:
        assert await ask(transport) == b"hello"
        await origin.served.get()
        await heard()
        assert await ask(transport) == b"hello"
    assert origin.connections == 2


@pytest.mark.parametrize("kind", ["lean", "aiohttp"])  # the SDK's client trusts its upstream here
async def test_bytes_behind_an_answer_are_not_part_of_the_next(
    origin: Origin, connected: Open
) -> None:
    evil = b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nevil"
    origin.script(OK + evil, "hang")
    origin.script(OK)
    async with connected() as transport:
        reply = await send(transport)
        assert (reply.status, await reply.read()) == (200, b"hello")
        reply.close()
        reply = await send(transport)
        assert (reply.status, await reply.read()) == (200, b"hello")
        reply.close()


async def test_an_answer_closed_twice_does_not_take_its_connection_from_the_next(
    origin: Origin, connected: Open
) -> None:
    more = asyncio.Event()
    origin.script(OK)
    origin.script(BEGUN, more, END)
    origin.script(OK)
    async with connected() as transport:
        first = await send(transport)
        assert await first.read() == b"hello"
        first.close()
        second = await send(transport)
        assert await second.chunk() == b"hello"
        first.close()
        assert await ask(transport) == b"hello"
        more.set()
        assert await second.read() == b""
        second.close()
    assert origin.connections == 2


# --- many at once


async def test_hundreds_of_streams_run_at_once(origin: Origin, connected: Open) -> None:
    together = asyncio.Event()
    for _ in range(MANY):
        origin.script(BEGUN, together, END)
    async with connected() as transport:
        replies = await asyncio.gather(*(send(transport) for _ in range(MANY)))
        assert origin.connections == MANY
        together.set()
        bodies = await asyncio.gather(*(reply.read() for reply in replies))
        for reply in replies:
            reply.close()
    assert set(bodies) == {b"hello"}


# --- leaving


async def test_closing_early_closes_upstream_and_leaves_other_streams_alone(
    origin: Origin, connected: Open
) -> None:
    more = asyncio.Event()
    origin.script(BEGUN, more, END)
    origin.script(BEGUN, "hang")
    async with connected() as transport:
        stays = await send(transport)
        leaves = await send(transport)
        assert await leaves.chunk() == b"hello"
        leaves.close()
        await origin.gone()
        more.set()
        assert await stays.read() == b"hello"
        stays.close()


@pytest.mark.parametrize("begun", [b"", BEGUN])
async def test_cancelling_the_wait_closes_upstream(
    origin: Origin, connected: Open, begun: bytes
) -> None:
    origin.script(begun, "hang")
    async with connected() as transport:
        waiting = asyncio.create_task(ask(transport))
        while not origin.requests:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await origin.gone()


async def test_leaving_the_transport_closes_what_is_open(origin: Origin, connected: Open) -> None:
    origin.script(BEGUN, "hang")
    async with connected() as transport:
        reply = await send(transport)
    await origin.gone()
    reply.close()


# --- slow readers


async def test_a_slow_reader_makes_upstream_wait(origin: Origin, connected: Open) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n".encode()
    origin.script(head, "flood")
    async with connected() as transport:
        reply = await send(transport)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await origin.served.get()
        assert origin.written < MOST_ON_THE_WAY
        assert len(await reply.read()) == FLOOD
        reply.close()


# --- the lean one's own


@pytest.mark.parametrize("kind", ["lean"])
@pytest.mark.parametrize("end", ["reset", "close"])
async def test_a_connection_that_upstream_closes_as_it_is_taken_is_replaced(
    origin: Origin, connected: Open, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_anthropic.lean.STALE", -1)  # it rested long enough
    origin.script(OK)
    origin.script(end)
    origin.script(OK)
    async with connected() as transport:
        assert await ask(transport) == b"hello"
        assert await ask(transport) == b"hello"
    assert (origin.connections, len(origin.requests)) == (2, 3)


@pytest.mark.parametrize("kind", ["lean"])
async def test_one_that_breaks_though_it_was_just_used_may_have_brought_the_request(
    origin: Origin, connected: Open
) -> None:
    origin.script(OK)
    origin.script("close")
    async with connected() as transport:
        assert await ask(transport) == b"hello"
        with pytest.raises(UpstreamError):
            await ask(transport)
    assert len(origin.requests) == 2


@pytest.mark.parametrize("kind", ["lean"])
async def test_a_request_is_never_sent_a_third_time_however_many_connections_are_kept(
    origin: Origin, connected: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_anthropic.lean.STALE", -1)
    together = asyncio.Event()
    for _ in range(5):
        origin.script(BEGUN, together, END)
    async with connected() as transport:
        replies = await asyncio.gather(*(send(transport) for _ in range(5)))
        together.set()
        for reply in replies:
            await reply.read()
            reply.close()
        origin.script("reset")
        origin.script("reset")
        with pytest.raises(UpstreamError):
            await ask(transport)
    assert len(origin.requests) == 5 + 2


@pytest.mark.parametrize("kind", ["lean"])
async def test_a_kept_connection_that_breaks_in_a_head_is_not_tried_again_in_silence(
    origin: Origin, connected: Open
) -> None:
    origin.script(OK)
    origin.script(b"HTTP/1.1 200 OK\r\n", "close")
    async with connected() as transport:
        assert await ask(transport) == b"hello"
        with pytest.raises(UpstreamError):
            await ask(transport)
    assert len(origin.requests) == 2


@pytest.mark.parametrize("kind", ["lean"])
async def test_a_fresh_connection_that_breaks_is_not_tried_again_in_silence(
    origin: Origin, connected: Open
) -> None:
    origin.script("reset")
    async with connected() as transport:
        with pytest.raises(UpstreamError):
            await ask(transport)
    assert len(origin.requests) == 1


@pytest.mark.parametrize("kind", ["lean"])
async def test_it_is_not_upstream_that_is_silent_when_the_reader_is_slow(
    origin: Origin, connected: Open
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {FLOOD}\r\n\r\n".encode()
    origin.script(head, "flood")
    async with connected() as transport:
        assert isinstance(transport, LeanTransport)
        reply = await send(transport)
        (exchange,) = transport._busy
        while exchange.last_byte != math.inf:
            await asyncio.sleep(0)
        transport._timeout = 0
        transport.sweep()
        transport._timeout = 60
        assert len(await reply.read()) == FLOOD
        reply.close()


@pytest.mark.parametrize("kind", ["lean"])
async def test_the_sweep_drops_what_is_silent_and_what_nobody_needs(
    origin: Origin, connected: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.script(BEGUN, "hang")
    origin.script(OK)
    async with connected() as transport:
        assert isinstance(transport, LeanTransport)
        silent = await send(transport)
        assert await silent.chunk() == b"hello"
        assert await ask(transport) == b"hello"
        monkeypatch.setattr("claude_gateway_anthropic.lean.KEEP", -1)
        transport._timeout = -1
        transport.sweep()
        assert transport._idle == []
        with pytest.raises(UpstreamTimeout):
            await silent.chunk()
        await origin.gone()
        silent.close()
