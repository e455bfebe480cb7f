"""A client and an upstream that go in step: nothing is sent before the last piece has arrived.

So each delta is one read and one write of the gateway's, and what it does for one can be counted.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from scripts.benchmark import answers, upstream
from tests.work.counting import Work

KEY = "gw-work-5f2b1c7e9a4d4d0c"
PATIENCE = 10.0
BEFORE, DELTAS, TURNS = 20, 100, 5


class Wire:
    """One end of a connection, and what has been read from it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self._socket = sock
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """Read up to a mark, and return all that came before the end of it."""
        while mark not in self._read:
            data = self._socket.recv(2**16)
            if not data:
                raise ConnectionError(f"closed behind {self._read[-300:]!r}")
            self._read += data
        before, found, self._read = self._read.partition(mark)
        return before + found

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        while len(self._read) < size:
            self._read += self._socket.recv(2**16)
        data, self._read = self._read[:size], self._read[size:]
        return data

    def whole(self) -> bytes:
        """Read a message whose length is told."""
        head = self.until(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return head + self.exactly(int(length or 0))


def asked(listener: socket.socket) -> Wire:
    """Return the connection on which the gateway asks; it looks at upstream's health as well."""
    wires: dict[socket.socket, Wire] = {}
    while True:
        for sock in select.select([listener, *wires], [], [], PATIENCE)[0]:
            if sock is listener:
                accepted = listener.accept()[0]
                wires[accepted] = Wire(accepted)
            elif wires[sock].whole().startswith(b"POST"):
                return wires[sock]
            else:
                wires[sock].send(upstream.NO_MODELS)


@dataclass(slots=True)
class Talk:
    """Both sides of the gateway, from outside its thread."""

    work: Work
    port: int
    listener: socket.socket
    client: Wire
    upstream: Wire

    @classmethod
    def begin(cls, work: Work, port: int, listener: socket.socket) -> Self:
        """Connect, and have the gateway connect to upstream."""
        client = Wire(socket.create_connection(("127.0.0.1", port), PATIENCE))
        listener.settimeout(PATIENCE)
        client.send(question(stream=False))
        above = asked(listener)
        above.send(upstream.SAID)
        client.whole()
        return cls(work, port, listener, client, above)

    def settled(self) -> None:
        """Wait until the gateway has nothing to do."""
        if not self.work.idle.wait(PATIENCE):
            raise TimeoutError("the gateway is never idle")

    def chats(self) -> None:
        """Ask for whole answers."""
        for _ in range(TURNS):
            self.client.send(question(stream=False))
            self.upstream.whole()
            self.upstream.send(upstream.SAID)
            self.client.whole()
            self.settled()

    def turns(self) -> None:
        """Ask for streams that come at once, each in a session of its own."""
        for _ in range(TURNS):
            self.client.send(question(stream=True, session=uuid.uuid4().hex))
            self.upstream.whole()
            self.upstream.send(upstream.BURST)
            self.client.until(upstream.LAST)
            self.settled()

    def deltas(self, counted: Callable[[Callable[[], None]], int], *, kept: bool) -> int:
        """Ask for a stream; return what `counted` does, given a function that moves the deltas."""
        self.client.send(question(stream=True, session=uuid.uuid4().hex if kept else ""))
        self.upstream.whole()
        self.upstream.send(upstream.OPENING)
        self._move(0, BEFORE)
        found = counted(lambda: self._move(BEFORE, BEFORE + DELTAS))
        self.upstream.send(upstream.ENDING)
        self.client.until(upstream.LAST)
        self.settled()
        return found

    def _move(self, first: int, end: int) -> None:
        for number in range(first, end):
            self.upstream.send(upstream.chunk(answers.piece(f"delta {number:04d} ")))
            self.client.until(b"delta %04d " % number)
            self.client.until(b"\n\n\r\n")
            self.settled()


def question(*, stream: bool, session: str = "") -> bytes:
    """Return a request as it goes over the wire."""
    fields: dict[str, object] = {
        "model": answers.MODEL,
        "max_tokens": 1000,
        "stream": stream,
        "messages": [
            {"role": "system", "content": "Be terse."},
            {"role": "user", "content": "Say something."},
        ],
        **({"session_id": session} if session else {}),
    }
    body = json.dumps(fields).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def blocks() -> int:
    """Return how many blocks of memory Python's objects hold."""
    return sys.getallocatedblocks()
