"""One connection of the lean client: a request, then its response, then perhaps the next."""

from __future__ import annotations

import asyncio
import math
from typing import cast

import httptools

# Bytes of a body that may wait for a slow reader before upstream is told to wait, too.
MOST_WAITING = 256 * 1024
INFORMATIONAL = range(100, 200)
LARGEST_HEAD = 256 * 1024


class Exchange(asyncio.Protocol):
    """Sends one request at a time and holds what has come of its response."""

    __slots__ = (
        "_complete",
        "_error",
        "_head_complete",
        "_head_size",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_pieces",
        "_transport",
        "_until_close",
        "_waiter",
        "_waiting",
        "headers",
        "heard",
        "last_byte",
        "status",
    )

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        # Kept as data and raised anew: an exception would refer to the frames it passed through,
        # and so to itself and to the request's body.
        self._error: tuple[type[OSError | TimeoutError], str] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._complete = self._head_complete = self._until_close = False
        self._keep = self._paused = False
        self._reset()

    # --- for the pool ---

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent here."""
        return self._keep and self._complete and self._error is None

    def begin(self, data: bytes) -> None:
        """Send a request, head and body."""
        self._reset()
        self._check()
        if self._transport is not None:
            self._transport.write(data)

    async def head(self) -> None:
        """Wait until status and headers are there. Raises OSError or TimeoutError."""
        while not self._head_complete:
            await self._wait()

    async def body(self) -> bytes:
        """Return what has arrived; empty at the end. Raises OSError or TimeoutError."""
        while not self._pieces:
            if self._complete:
                return b""
            await self._wait()
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._waiting = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self.last_byte = self._loop.time()
            self._transport.resume_reading()
        return data

    def abort(self) -> None:
        """Close at once."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    def fail(self, kind: type[OSError | TimeoutError], why: str = "") -> None:
        """Give up: whoever waits is told."""
        self._error = self._error or (kind, why)
        self._wake()
        self.abort()

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.last_byte = self._loop.time()
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            if not self._complete:
                self.fail(ConnectionError, f"upstream does not speak HTTP: {type(exc).__name__}")
                return
            self._keep = False  # bytes after the answer
        if not self._head_complete:
            # Counted here, because the parser keeps a header to itself until the line ends.
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self.fail(ConnectionError, "the head of the response is too large")
                return
        if self._waiting > MOST_WAITING and not self._paused and self._transport is not None:
            self._paused = True
            self.last_byte = math.inf  # it is we who are silent
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Upstream has nothing more to say, and half-open connections are of no use."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End: of a body that lasts until the close, or in the middle of something."""
        self._keep = False
        self._transport = None
        if self._head_complete and self._until_close and exc is None:
            self._complete = True
        elif not self._complete:
            self._error = self._error or (ConnectionResetError, str(exc or "closed by upstream"))
        self._wake()

    # --- the parser's side; it calls these while it is fed ---

    def on_message_begin(self) -> None:
        """Refuse a second response: nobody asked for it, and it must not change the first."""
        if self._complete:
            raise ConnectionError("bytes after the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        key = name.decode("latin-1").lower()
        self.headers[key] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        """Read the status; a body without a length lasts until the connection closes."""
        self.status = self._parser.get_status_code()
        if self.status in INFORMATIONAL:
            self.headers.clear()
            return
        self._head_complete = True
        self._until_close = not ({"content-length", "transfer-encoding"} & self.headers.keys())

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._pieces.append(body)
        self._waiting += len(body)

    def on_message_complete(self) -> None:
        """End the response, unless it was only an announcement of the real one."""
        if self._head_complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # --- inside ---

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._complete = self._head_complete = self._until_close = self._paused = False
        self._keep = False
        self._pieces: list[bytes] = []
        self._waiting = self._head_size = self.status = 0
        self.headers: dict[str, str] = {}
        self.heard = False
        self.last_byte = self._loop.time()

    async def _wait(self) -> None:
        self._check()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _check(self) -> None:
        if self._error is not None:
            kind, why = self._error
            raise kind(why)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
