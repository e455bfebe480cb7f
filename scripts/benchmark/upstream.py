"""A fake of Anthropic's API that costs next to nothing: `python -m scripts.benchmark.upstream`.

Answers are made once and written as they are. A question says in words how it wants its answer:
see `answers`. Prints its port, and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

import uvloop

from scripts.benchmark import answers

HEAD = b"HTTP/1.1 200 OK\r\nrequest-id: req_01bench\r\ncontent-type: %s\r\n"
LAST = b"0\r\n\r\n"
HOLE = b"@" + b"0" * 19


def whole(body: bytes) -> bytes:
    """Return a response with this JSON."""
    return HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(body) + body


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of a response."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def around_stamp(piece: str) -> tuple[bytes, bytes]:
    """Return a chunk with a stamped piece, cut where the stamp goes."""
    before, _, after = chunk(answers.piece(f"{HOLE.decode()} {piece}")).partition(HOLE)
    return before, after


SAID = whole(answers.said())
NO_MODELS = whole(b'{"data":[],"has_more":false,"first_id":null,"last_id":null}')
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
STREAM_HEAD = HEAD % b"text/event-stream; charset=utf-8" + b"transfer-encoding: chunked\r\n\r\n"
BURST = (
    STREAM_HEAD
    + chunk(answers.opening() + b"".join(map(answers.piece, answers.PIECES)) + answers.ending())
    + LAST
)
OPENING = STREAM_HEAD + chunk(answers.opening())
STAMPED = tuple(around_stamp(piece) for piece in answers.PIECES)
ENDING = chunk(answers.ending()) + LAST


class Upstream(asyncio.Protocol):
    """One connection: a request after the other, none before the last is answered."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n") + 4
        if head_end < 4:  # noqa: PLR2004
            return
        head = self._buffer[:head_end]
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(self._buffer) < head_end + int(length or 0):
            return
        body, self._buffer = self._buffer[head_end:], b""
        self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"POST /v1/messages "):
            self._transport.write(NO_MODELS if head.startswith(b"GET /v1/models") else NOT_FOUND)
        elif (calling := answers.CALL.search(body)) and b'"tool_result"' not in body:
            self._transport.write(whole(answers.called(calling[1].decode())))
        elif b'"stream":true' not in body and b'"stream": true' not in body:
            self._transport.write(SAID)
        elif paced := answers.PACE.search(body):
            self._pace(int(paced[1]) / 1e3)
        else:
            self._transport.write(BURST)

    def _pace(self, gap: float) -> None:
        self._transport.write(OPENING)
        started, pieces = self._loop.time(), enumerate(STAMPED, 1)

        def tick() -> None:
            for number, (before, after) in pieces:
                self._transport.write(b"%s@%019d%s" % (before, time.monotonic_ns(), after))
                self._next = self._loop.call_at(started + number * gap, tick)
                return
            self._transport.write(ENDING)

        tick()


async def serve() -> None:
    """Serve on a free port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
