"""How bytes get to upstream and back. What is above knows nothing of the HTTP client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from claude_gateway import UpstreamError, UpstreamTimeout
from claude_gateway_anthropic.settings import Account


class Reply(Protocol):
    """An upstream response whose head has arrived."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def read(self) -> bytes:
        """Return the whole body."""
        ...

    async def chunk(self) -> bytes:
        """Return whatever has arrived; empty at the end of the body."""
        ...

    def close(self) -> None:
        """Let go. Closes the connection unless the body was read to its end."""
        ...


class Transport(Protocol):
    """A pool of connections to upstream."""

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """Send a request and wait for the head of its response.

        Raises UpstreamError or UpstreamTimeout; so do the methods of the reply.
        """
        ...


class AiohttpReply:
    """A reply of aiohttp's client."""

    __slots__ = ("_read_any", "_response", "headers", "status")

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self._read_any = response.content.readany
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except (ClientError, TimeoutError, OSError) as exc:
            raise _lost(exc) from exc

    async def chunk(self) -> bytes:
        try:
            return await self._read_any()
        except (ClientError, TimeoutError, OSError) as exc:
            raise _lost(exc) from exc

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpTransport:
    """Pooled connections of aiohttp's client."""

    def __init__(self, session: ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url
        self._urls: dict[str, URL] = {}

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self._base_url + path)
        try:
            response = await self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            )
        except (ClientError, TimeoutError, OSError) as exc:
            raise _unreachable(exc) from exc
        return AiohttpReply(response)


@asynccontextmanager
async def open_aiohttp(account: Account) -> AsyncGenerator[Transport]:
    """Open the pool. There is no limit of connections: a stream more must not wait in silence."""
    connector = TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=300)
    timeout = ClientTimeout(
        total=None, sock_connect=account.connect_timeout, sock_read=account.timeout
    )
    async with ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=DummyCookieJar(),
        auto_decompress=True,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
    ) as session:
        yield AiohttpTransport(session, account.base_url)


def open_transport(account: Account) -> AbstractAsyncContextManager[Transport]:
    """Open the transport that the settings choose."""
    if account.transport == "sdk":
        from claude_gateway_anthropic.sdk import open_sdk  # noqa: PLC0415  # takes a second to load

        return open_sdk(account)
    return open_aiohttp(account)


def _unreachable(exc: BaseException) -> UpstreamError | UpstreamTimeout:
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout("Anthropic did not answer in time.")
    return UpstreamError(
        f"Anthropic cannot be reached ({type(exc).__name__}). Check the network and "
        "ANTHROPIC_BASE_URL.",
        code="upstream_unreachable",
    )


def _lost(exc: BaseException) -> UpstreamError | UpstreamTimeout:
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout("Anthropic fell silent in the middle of the answer.")
    return UpstreamError(
        f"The connection to Anthropic broke in the middle of the answer ({type(exc).__name__}).",
        code="upstream_truncated",
    )
