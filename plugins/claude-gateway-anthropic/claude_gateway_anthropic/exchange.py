"""One connection of the lean client: a request, then its response, then perhaps the next."""

from __future__ import annotations

import asyncio
import math
from functools import lru_cache
from typing import cast

import httptools

# Bytes that may come before somebody takes a piece of the body. Then upstream is told to wait; a
# head, or trailers, of which nothing can be taken, are too large.
MOST_WAITING = 256 * 1024
INFORMATIONAL = range(100, 200)
# A response without one of these lasts until the connection closes.
LENGTHS = frozenset(("content-length", "transfer-encoding"))


class Exchange(asyncio.Protocol):
    """Sends one request at a time and holds what has come of its response."""

    __slots__ = (
        "_error",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_raw",
        "_transport",
        "_waiter",
        "_waiting",
        "complete",
        "head_complete",
        "headers",
        "heard",
        "last_byte",
        "on_body",
        "on_header",
        "pieces",
        "status",
    )

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        # Kept as data and raised anew: an exception would refer to the frames it passed through,
        # and so to itself and to the request's body.
        self._error: tuple[type[OSError | TimeoutError], str] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._keep = self._paused = False
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self._raw: dict[bytes, bytes] = {}
        # The parser calls these for each header and each piece: no function of ours lies between.
        self.on_header, self.on_body = self._raw.__setitem__, self.pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    # --- for the pool ---

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent here."""
        return self._keep and self.complete and self._error is None

    def begin(self, data: bytes) -> None:
        """Send a request, head and body. Raises OSError or TimeoutError on a broken connection."""
        self._reset()
        if self._error is not None:
            self._check()
        if self._transport is not None:
            self._transport.write(data)

    def arrival(self) -> asyncio.Future[None]:
        """Return what ends when something has come. Raises OSError or TimeoutError if nothing will."""
        if self._error is not None:
            self._check()
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def take(self) -> bytes:
        """Take the pieces of the body that are there, of which there must be one."""
        pieces = self.pieces
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
            if not self.complete:
                self.fail(ConnectionError, f"upstream does not speak HTTP: {type(exc).__name__}")
                return
            self._keep = False  # bytes after the answer
        self._waiting += len(data)
        if self._waiting > MOST_WAITING:
            self._too_much()
        waiter = self._waiter
        if waiter is not None and not waiter.done():  # as `_wake`, without a call for each piece
            waiter.set_result(None)

    def eof_received(self) -> None:
        """Upstream has nothing more to say, and half-open connections are of no use."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End: of a body that lasts until the close, or in the middle of something."""
        self._keep = False
        self._transport = None
        if self.head_complete and exc is None and LENGTHS.isdisjoint(self.headers):
            self.complete = True
        elif not self.complete:
            self._error = self._error or (ConnectionResetError, str(exc or "closed by upstream"))
        self._wake()

    # --- the parser's side; it calls these while it is fed ---

    def on_message_begin(self) -> None:
        """Refuse a second response: nobody asked for it, and it must not change the first."""
        if self.complete:
            raise ConnectionError("bytes after the answer")

    def on_headers_complete(self) -> None:
        """Read status and headers; trailers, which come after the body, are not kept."""
        self.status = self._parser.get_status_code()
        if self.status in INFORMATIONAL:
            self._raw.clear()
            return
        self.head_complete = True
        self.headers = {
            _name(name): value.decode("utf-8", "surrogateescape")
            for name, value in self._raw.items()
        }

    def on_message_complete(self) -> None:
        """End the response, unless it was only an announcement of the real one."""
        if self.head_complete:
            self.complete = True
            self._keep = self._parser.should_keep_alive()

    # --- inside ---

    def _reset(self) -> None:
        self.complete = self.head_complete = self.heard = False
        self._keep = self._paused = False
        self.pieces.clear()
        self._raw.clear()
        self._waiting = self.status = 0
        self.last_byte = self._loop.time()

    def _too_much(self) -> None:
        if not self.head_complete or not (self.pieces or self.complete):
            self.fail(ConnectionError, "the head or the trailers of the response are too large")
        elif not self._paused and self._transport is not None:
            self._paused = True
            self.last_byte = math.inf  # it is we who are silent
            self._transport.pause_reading()

    def _check(self) -> None:
        if self._error is not None:
            kind, why = self._error
            raise kind(why)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@lru_cache(maxsize=256)
def _name(raw: bytes) -> str:
    """Return a header's name; upstream has few, and sends the same with every answer."""
    return raw.decode("latin-1").lower()
