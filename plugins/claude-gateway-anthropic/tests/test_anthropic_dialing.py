"""Where a name has several addresses, and how a connection is set up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import pytest
from claude_gateway_anthropic.dialing import Dialer
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Transport, open_transport

from claude_gateway import UpstreamTimeout

if TYPE_CHECKING:
    from tests.conftest import Origin

Address: TypeAlias = tuple[object, ...]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TCP = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")


async def ask(transport: Transport) -> bytes:
    reply = await transport.send("POST", "/v1/messages", b"{}", {"x-api-key": "k"})
    try:
        return await reply.read()
    finally:
        reply.close()


@pytest.fixture
def silent() -> Generator[tuple[str, int]]:
    """An address at which nobody answers, not even with a refusal: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        where = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(where)
        yield where
        for one in waiting:
            one.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    async def found(host: str, port: int, **kind: object) -> list[Address]:
        return [(*TCP, address) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)


@pytest.mark.parametrize("kind", ["lean"])
async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(
    origin: Origin,
    account: Callable[..., Account],
    silent: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, silent, ("127.0.0.1", urlsplit(origin.url).port or 0))
    origin.script(OK)
    async with open_transport(account("http://upstream.example", connect_timeout=3.0)) as transport:
        assert await ask(transport) == b"hello"


@pytest.mark.parametrize("kind", ["lean"])
async def test_addresses_of_which_none_answers_are_an_upstream_timeout(
    account: Callable[..., Account], silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, silent, silent)
    async with open_transport(account("http://upstream.example", connect_timeout=0.6)) as transport:
        with pytest.raises(UpstreamTimeout):
            await ask(transport)


async def test_upstream_may_be_at_an_address_of_the_new_kind(
    origin: Origin, account: Callable[..., Account]
) -> None:
    try:
        server = await asyncio.start_server(origin._serve, "::1", 0)
    except OSError:
        pytest.skip("there is no IPv6 here")
    origin.script(OK)
    port = server.sockets[0].getsockname()[1]
    async with open_transport(account(f"http://[::1]:{port}")) as transport:
        assert await ask(transport) == b"hello"
    await origin.stop(server)
    assert f"\r\nhost: [::1]:{port}\r\n".encode() in origin.requests[0].lower()


async def test_small_pieces_are_sent_at_once(origin: Origin) -> None:
    made: list[asyncio.BaseTransport] = []

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    await Dialer(urlsplit(origin.url), 5.0).dial(Client)
    (transport,) = made
    sock = transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport.close()
