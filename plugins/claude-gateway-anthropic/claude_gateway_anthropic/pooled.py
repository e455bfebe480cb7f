"""Upstream by aiohttp's client: for a proxy on the way, and for whoever trusts the common road."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from claude_gateway_anthropic.failures import lost, unreachable
from claude_gateway_anthropic.headers import refuse_unsafe
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport


class PooledReply:
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
            raise lost(exc) from exc

    async def chunk(self) -> bytes:
        try:
            return await self._read_any()
        except (ClientError, TimeoutError, OSError) as exc:
            raise lost(exc) from exc

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class PooledTransport:
    """Pooled connections of aiohttp's client."""

    def __init__(self, session: ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url
        self._urls: dict[str, URL] = {}

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        refuse_unsafe(headers)
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self._base_url + path)
        try:
            response = await self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            )
        except (ClientError, TimeoutError, OSError) as exc:
            raise unreachable(exc) from exc
        return PooledReply(response)


@asynccontextmanager
async def open_pooled(account: Account) -> AsyncGenerator[Transport]:
    """Open the pool. There is no limit of connections: a stream more must not wait in silence."""
    connector = TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=300)
    timeout = ClientTimeout(
        total=None, sock_connect=account.connect_timeout, sock_read=account.timeout
    )
    async with ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=DummyCookieJar(),
    ) as session:
        yield PooledTransport(session, account.base_url)
