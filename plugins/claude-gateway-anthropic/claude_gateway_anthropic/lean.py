"""Upstream by a client that does only what is needed: POST and GET over kept connections.

aiohttp's client takes half of what a short answer costs. This one sends prepared bytes, lets
`httptools` (llhttp) parse what comes back, and keeps connections. Redirects, cookies, proxies and
compression are not needed for an API that uses none of them; the `aiohttp` transport has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from claude_gateway_anthropic.dialing import Dialer
from claude_gateway_anthropic.exchange import Exchange
from claude_gateway_anthropic.failures import lost, unreachable
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport
from claude_gateway_anthropic.writing import RequestWriter

# Seconds for which a quiet connection is kept; the API closes its own after some minutes.
KEEP = 60.0
SWEEP = 1.0
# A connection that rested for so long may be closed by upstream at the moment it is taken. When one that
# was just used breaks, upstream may have begun to work at the request: it is not sent again unasked.
STALE = 1.0


class LeanReply:
    """The reply to one request; see `transport.Reply`."""

    __slots__ = ("_exchange", "_open", "_pool", "headers", "status")

    def __init__(self, pool: LeanTransport, exchange: Exchange) -> None:
        self._pool = pool
        self._exchange = exchange
        self._open = True
        self.status = exchange.status
        self.headers: Mapping[str, str] = exchange.headers

    async def read(self) -> bytes:
        if self._exchange.complete:  # as most are that come in one piece
            return self._exchange.take()
        pieces: list[bytes] = []
        while piece := await self.chunk():
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def chunk(self) -> bytes:
        exchange = self._exchange
        try:
            while not exchange.pieces:
                if exchange.complete:
                    return b""
                await exchange.arrival()
        except (OSError, TimeoutError) as exc:
            raise lost(exc) from exc
        return exchange.take()

    def close(self) -> None:
        if self._open:  # the connection may have another request by now
            self._open = False
            self._pool.put_back(self._exchange)


class LeanTransport:
    """A pool of connections to one origin; as many as there are answers under way."""

    def __init__(self, account: Account) -> None:
        url = urlsplit(account.base_url)
        self._writer = RequestWriter(url)
        self._dialer = Dialer(url, account.connect_timeout)
        self._timeout = account.timeout
        self._idle: list[tuple[float, Exchange]] = []
        self._busy: set[Exchange] = set()
        self._loop = asyncio.get_running_loop()

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        data = self._writer.write(method, path, body, headers)
        exchange, stale = self._take()
        while True:  # twice, when the first connection is gone
            if exchange is None:
                exchange = await self._dial()
            self._busy.add(exchange)
            try:
                exchange.begin(data)
                while not exchange.head_complete:
                    await exchange.arrival()
                return LeanReply(self, exchange)
            except BaseException as exc:
                self._busy.discard(exchange)
                exchange.abort()
                if not isinstance(exc, OSError | TimeoutError):
                    raise
                if not stale or exchange.heard or isinstance(exc, TimeoutError):
                    raise unreachable(exc) from exc
            exchange, stale = None, False

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

    def _take(self) -> tuple[Exchange | None, bool]:
        """Take the connection used last, and whether it is stale; others grow old and are dropped."""
        while self._idle:
            since, exchange = self._idle.pop()
            if exchange.reusable:
                return exchange, self._loop.time() - since >= STALE
        return None, False

    async def _dial(self) -> Exchange:
        try:
            return await self._dialer.dial(Exchange)
        except (OSError, TimeoutError) as exc:
            raise unreachable(exc) from exc


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
