"""Upstream by a client that does only what is needed: POST and GET over kept connections.

aiohttp's client takes half of what a short answer costs. This one sends prepared bytes, lets
`httptools` (llhttp) parse what comes back, and keeps connections. Redirects, cookies, proxies and
compression are not needed for an API that uses none of them; the `aiohttp` transport has them.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from urllib.parse import urlsplit

from claude_gateway import InvalidRequest
from claude_gateway_anthropic.exchange import Exchange
from claude_gateway_anthropic.failures import lost, unreachable
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport

# Seconds for which a quiet connection is kept; the API closes its own after some minutes.
KEEP = 60.0
SWEEP = 1.0
# A connection that rested for so long may be closed by upstream at the moment it is taken.
STALE = 1.0
# What may not stand in a header: it would end it.
UNSAFE = re.compile(r"[\r\n\0]")


class LeanReply:
    """The reply to one request; see `transport.Reply`."""

    __slots__ = ("_exchange", "_pool", "headers", "status")

    def __init__(self, pool: LeanTransport, exchange: Exchange) -> None:
        self._pool = pool
        self._exchange = exchange
        self.status = exchange.status
        self.headers: Mapping[str, str] = exchange.headers

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while piece := await self._exchange.body():
                pieces.append(piece)
        except (OSError, TimeoutError) as exc:
            raise lost(exc) from exc
        return b"".join(pieces)

    async def chunk(self) -> bytes:
        try:
            return await self._exchange.body()
        except (OSError, TimeoutError) as exc:
            raise lost(exc) from exc

    def close(self) -> None:
        self._pool.put_back(self._exchange)


class LeanTransport:
    """A pool of connections to one origin; as many as there are answers under way."""

    def __init__(self, account: Account) -> None:
        parts = urlsplit(account.base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._path = parts.path
        self._connect_timeout, self._timeout = account.connect_timeout, account.timeout
        self._host_line = f"Host: {parts.netloc}\r\n"
        self._idle: list[tuple[float, Exchange]] = []
        self._busy: set[Exchange] = set()
        self._written: tuple[Mapping[str, str], str] = ({}, "")  # headers, and their lines
        self._loop = asyncio.get_running_loop()

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        data = self._head(method, path, body, headers) + (body or b"")
        while True:
            exchange, rested = self._take()
            if exchange is None:
                exchange = await self._connect()
            self._busy.add(exchange)
            try:
                exchange.begin(data)
                await exchange.head()
                return LeanReply(self, exchange)
            except BaseException as exc:
                self._drop(exchange)
                if not isinstance(exc, OSError | TimeoutError):
                    raise
                if rested < STALE or exchange.heard or isinstance(exc, TimeoutError):
                    raise unreachable(exc) from exc
                # Upstream closed a connection that had rested, just as it was taken: try another.

    def put_back(self, exchange: Exchange) -> None:
        """Keep a connection whose answer was read to its end; drop any other."""
        self._busy.discard(exchange)
        if exchange.reusable:
            self._idle.append((self._loop.time(), exchange))
        else:
            exchange.abort()

    def sweep(self) -> None:
        """Give up answers that fell silent, and connections that nobody needs."""
        now = self._loop.time()
        for exchange in [e for e in self._busy if now - e.last_byte > self._timeout]:
            exchange.fail(TimeoutError)
        while self._idle and now - self._idle[0][0] > KEEP:
            self._idle.pop(0)[1].abort()

    def close(self) -> None:
        """Drop every connection."""
        for exchange in [*self._busy, *(e for _, e in self._idle)]:
            exchange.abort()

    def _take(self) -> tuple[Exchange | None, float]:
        """Take the connection used last, and how long it rested; others grow old and are dropped."""
        while self._idle:
            since, exchange = self._idle.pop()
            if exchange.reusable:
                return exchange, self._loop.time() - since
        return None, 0.0

    def _drop(self, exchange: Exchange) -> None:
        self._busy.discard(exchange)
        exchange.abort()

    async def _connect(self) -> Exchange:
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, exchange = await self._loop.create_connection(
                    Exchange, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as exc:
            raise unreachable(exc) from exc
        return exchange

    def _head(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = f"{method} {self._path}{path} HTTP/1.1\r\n{self._host_line}{self._lines(headers)}{length}\r\n"
        return head.encode("utf-8", "surrogateescape")

    def _lines(self, headers: Mapping[str, str]) -> str:
        """Write headers; those that cannot change, which nearly all calls have, are written once."""
        if headers is self._written[0]:
            return self._written[1]
        for name, value in headers.items():
            if UNSAFE.search(value):
                raise InvalidRequest(f"The header {name} has a line break in it.", param=name)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if isinstance(headers, MappingProxyType):
            self._written = headers, lines
        return lines


@asynccontextmanager
async def open_lean(account: Account) -> AsyncGenerator[Transport]:
    """Open the pool, and look after it once a second."""
    pool = LeanTransport(account)

    async def look_after() -> None:
        while True:
            await asyncio.sleep(SWEEP)
            pool.sweep()

    task = asyncio.create_task(look_after())
    try:
        yield pool
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        pool.close()
