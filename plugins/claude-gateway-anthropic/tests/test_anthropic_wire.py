"""Every transport against an upstream that says exactly these bytes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest
from claude_gateway_anthropic.headers import HeaderWriter
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport, open_transport

from claude_gateway import GatewayError, InvalidRequest, UpstreamError, UpstreamTimeout

if TYPE_CHECKING:
    from tests.conftest import Origin

MakeAccount: TypeAlias = Callable[..., Account]
Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Transport]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.fixture
def connected(origin: Origin, account: MakeAccount) -> Open:
    @asynccontextmanager
    async def connected(**changes: object) -> AsyncGenerator[Transport]:
        async with open_transport(account(**{"url": origin.url, **changes})) as transport:
            yield transport

    return connected


async def send(transport: Transport, body: bytes = b"{}", **headers: str) -> Reply:
    return await transport.send("POST", "/v1/messages", body, {"x-api-key": "k", **headers})


async def ask(transport: Transport) -> bytes:
    reply = await send(transport)
    try:
        return await reply.read()
    finally:
        reply.close()


async def broken(transport: Transport) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await ask(transport)
    return caught.value


# --- bodies


@pytest.mark.parametrize(
    "answer",
    [
        (OK,),
        (CHUNKED + b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n",),
        (CHUNKED + b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",),
        (UNTIL_CLOSE + b"hello", "close"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", "close"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK,),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX: 1\r\n\r\n", OK),
        tuple(OK[i : i + 1] for i in range(len(OK))),
    ],
)
async def test_a_body_is_read_however_its_length_is_told(
    origin: Origin, connected: Open, answer: tuple[bytes | str, ...]
) -> None:
    origin.script(*answer)
    async with connected() as transport:
        reply = await send(transport)
        assert reply.status == 200
        assert "x" not in reply.headers
        assert await reply.read() == b"hello"
        reply.close()


async def test_the_body_goes_up_byte_for_byte_and_only_with_our_headers(
    origin: Origin, connected: Open
) -> None:
    origin.script(OK)
    body = b'{ "b":1, "a" : "\\u00e9\xc3\xa9" }\n'
    async with connected() as transport:
        reply = await send(transport, body, **{"Content-Type": "application/json"})
        await reply.read()
        reply.close()
    head, _, sent = origin.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    lower = head.lower()
    assert lower.startswith(b"post /v1/messages http/1.1\r\n")
    assert lower.count(b"\r\nx-api-key: k") == 1
    assert lower.count(b"\r\nhost: ") == lower.count(b"\r\ncontent-length: ") == 1
    for name in (b"authorization", b"cookie", b"origin", b"referer", b"transfer-encoding"):
        assert b"\r\n" + name + b":" not in lower


async def test_compressed_bytes_are_not_asked_for(origin: Origin, account: MakeAccount) -> None:
    origin.script(OK)
    ours = account(origin.url)
    async with open_transport(ours) as transport:
        headers = HeaderWriter(ours).plain()
        (await transport.send("GET", "/v1/models?limit=1", None, headers)).close()
    lower = origin.requests[0].lower()
    assert lower.startswith(b"get /v1/models?limit=1 http/1.1\r\n")
    assert lower.count(b"accept-encoding: ") == lower.count(b"accept-encoding: identity\r\n") == 1


async def test_cookies_are_not_kept_and_redirects_not_followed(
    origin: Origin, connected: Open
) -> None:
    moved = b"HTTP/1.1 307 Go\r\nLocation: /x\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    origin.script(moved)
    origin.script(OK)
    async with connected() as transport:
        reply = await send(transport)
        assert reply.status == 307
        assert await reply.read() == b""
        reply.close()
        assert await ask(transport) == b"hello"
    assert b"cookie" not in origin.requests[1].lower()


# --- failures


async def test_refused_connections_are_upstream_errors(account: MakeAccount) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with open_transport(account(f"http://127.0.0.1:{port}")) as transport:
        exc = await broken(transport)
    assert isinstance(exc, UpstreamError)
    assert (exc.code, exc.should_retry) == ("upstream_unreachable", True)


async def test_names_that_do_not_exist_are_upstream_errors(account: MakeAccount) -> None:
    async with open_transport(account("http://does-not-exist.invalid")) as transport:
        assert (await broken(transport)).code == "upstream_unreachable"


@pytest.mark.parametrize(
    "steps",
    [
        ("reset",),
        ("close",),
        (b"HTTP/1.1 200 OK\r\nContent-", "reset"),
        (b"HTTP/1.1 200 OK\r\nContent-", "close"),
        (b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n", "close"),
        (b"SSH-2.0-OpenSSH\r\n", "close"),
        (b"HTTP/1.1 abc\r\n\r\n", "close"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20, "hang"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2**18, "hang"),
    ],
)
async def test_what_is_no_response_is_an_upstream_error(
    origin: Origin, connected: Open, steps: tuple[bytes | str, ...]
) -> None:
    origin.script(*steps)
    async with connected() as transport:
        exc = await broken(transport)
    assert isinstance(exc, UpstreamError)
    assert exc.code == "upstream_unreachable"


@pytest.mark.parametrize("kind", ["lean", "aiohttp"])  # the SDK's client has no bound here
@pytest.mark.parametrize("flood", [b"x" * 2**20, b"X: y\r\n" * 2**18])
async def test_trailers_without_an_end_are_not_gathered(
    origin: Origin, connected: Open, flood: bytes
) -> None:
    origin.script(CHUNKED + b"5\r\nhello\r\n0\r\nX: ", flood, "hang")
    async with connected(timeout=5) as transport:
        assert isinstance(await broken(transport), UpstreamError)


@pytest.mark.parametrize("kind", ["lean"])
async def test_announcements_without_an_end_are_an_upstream_error(
    origin: Origin, connected: Open
) -> None:
    origin.script(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 10_000, "hang")
    async with connected() as transport:
        assert (await broken(transport)).code == "upstream_unreachable"


@pytest.mark.parametrize("end", ["reset", "close"])
@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        CHUNKED,
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"50\r\nhello",
        CHUNKED + b"5\r\nhello",
    ],
)
async def test_a_body_cut_short_is_an_upstream_error_and_not_tried_again(
    origin: Origin, connected: Open, begun: bytes, end: str
) -> None:
    heard = asyncio.Event()
    origin.script(begun, heard, end)
    async with connected() as transport:
        reply = await send(transport)
        heard.set()
        with pytest.raises(UpstreamError) as caught:
            await reply.read()
        reply.close()
    assert (caught.value.code, caught.value.should_retry) == ("upstream_truncated", False)


async def test_a_body_that_lasts_until_the_close_may_not_end_in_a_reset(
    origin: Origin, connected: Open, kind: str
) -> None:
    if kind == "aiohttp":
        pytest.skip("aiohttp takes any end for the end; a message that lacks its own is noticed")
    heard = asyncio.Event()
    origin.script(UNTIL_CLOSE + b"hello", heard, "reset")
    async with connected() as transport:
        reply = await send(transport)
        assert await reply.chunk() == b"hello"
        heard.set()
        with pytest.raises(UpstreamError):
            await reply.read()
        reply.close()


async def test_garbage_in_a_chunked_body_is_an_upstream_error(
    origin: Origin, connected: Open
) -> None:
    origin.script(CHUNKED + b"5\r\nhello\r\nxyz\r\n", "hang")
    async with connected() as transport:
        exc = await broken(transport)
    assert isinstance(exc, UpstreamError)


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-", CHUNKED + b"5\r\nhello\r\n"]
)
async def test_silence_longer_than_the_timeout_is_an_upstream_timeout(
    origin: Origin, connected: Open, begun: bytes
) -> None:
    origin.script(begun, "hang")
    async with connected(timeout=0.2) as transport:
        assert isinstance(await broken(transport), UpstreamTimeout)
        await origin.gone()


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_in_a_header_is_refused(
    origin: Origin, connected: Open, value: str
) -> None:
    async with connected() as transport:
        with pytest.raises(InvalidRequest) as caught:
            await transport.send("POST", "/v1/messages", b"{}", {"anthropic-beta": value})
    assert caught.value.param == "anthropic-beta"
    assert origin.connections == 0
