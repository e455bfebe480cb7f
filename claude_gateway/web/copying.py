"""Copy the bytes of an answer from another worker to the client, as they come."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

from aiohttp import web

HEAD_END, LAST_CHUNK = b"\r\n\r\n", b"0\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
WITHOUT_BODY = (204, 304)


class Answer:
    """What has been passed on of an answer: whether that is all of it."""

    def __init__(self, *, bodiless: bool) -> None:
        self.size = 0
        self._bodiless = bodiless
        self._head = b""
        self._length: int | None = None
        self._rest = 0  # bytes of the body so far
        self._end = b""

    def passed(self, data: bytes) -> None:
        """Take note of a piece."""
        self.size += len(data)
        self._end = (self._end + data)[-len(LAST_CHUNK) :]
        if self._rest or HEAD_END in self._head:
            self._rest += len(data)
            return
        self._head += data
        head, found, body = self._head.partition(HEAD_END)
        if found:
            self._head, self._rest = head + found, len(body)
            told = CONTENT_LENGTH.search(self._head)
            self._length = int(told[1]) if told else None

    @property
    def status(self) -> int:
        """The status of a whole answer."""
        return int(self._head[9:12])

    @property
    def whole(self) -> bool:
        """Whether nothing of it is missing."""
        if HEAD_END not in self._head:
            return False
        if self._bodiless or self.status in WITHOUT_BODY:
            return True
        return self._end == LAST_CHUNK if self._length is None else self._rest == self._length


class Copying(asyncio.Protocol):
    """Asks another worker, and writes all that it answers to the client of a request.

    `begun` is called before the first byte; `ended` is done when the worker has closed, or the client has `left`.
    Bytes go from one transport to the other: streams in between would cost as much as all the rest.
    """

    __slots__ = ("_asked", "_begun", "_request", "_resuming", "_worker", "answer", "ended", "left")

    def __init__(self, request: web.Request, asked: bytes, begun: Callable[[], None]) -> None:
        self._request = request
        self._asked = asked
        self._begun = begun
        self._worker: asyncio.Transport | None = None
        self._resuming: asyncio.Task[None] | None = None
        self.answer = Answer(bodiless=request.method == "HEAD")
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = False

    def close(self) -> None:
        """Hang up, whatever is still to come: so the other worker learns that the client has left."""
        if self._worker is not None:
            self._worker.close()
        if self._resuming is not None:
            self._resuming.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._worker = cast("asyncio.Transport", transport)
        self._worker.write(self._asked)

    def data_received(self, data: bytes) -> None:
        request = self._request
        client = request.transport
        if client is None:
            self.left = True
            self._end()
            return
        if not self.answer.size:
            self._begun()
        client.write(data)
        self.answer.passed(data)
        if request.protocol.writing_paused and self._resuming is None and self._worker is not None:
            self._worker.pause_reading()
            self._resuming = asyncio.create_task(self._resume(self._worker))

    def connection_lost(self, exc: Exception | None) -> None:
        """The end; whether that was too early is seen from what came."""
        self._end()

    async def _resume(self, worker: asyncio.Transport) -> None:
        """Go on once the client has taken what was written."""
        try:
            await self._request.writer.drain()
        except ConnectionError:
            self.left = True
            self._end()
            return
        self._resuming = None
        worker.resume_reading()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
