"""The load generator: `python -m scripts.benchmark.load`, an Order on stdin, a Measured on stdout.

Every connection asks as soon as it is answered. Bytes go straight from asyncio's protocol into the
check; nothing is parsed that does not have to be.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from typing import cast

import orjson
import uvloop

from scripts.benchmark import answers, machine
from scripts.benchmark.checking import Checker, WrongAnswer, unchunked
from scripts.benchmark.orders import HOLE, LOOK_EVERY, Measured, Order, spread

HEAD_END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DRAIN = 30.0


def order_of(data: bytes) -> Order:
    """Read an order."""
    return Order(**orjson.loads(data))


class Load:
    """All connections, and what they measure."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.checker = Checker(stream=order.stream, stamped=order.gap_ms > 0)
        self.measuring = False
        self.stopping = False
        self.answered = self.errors = self.deltas = self.asked = 0
        self.error = ""
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.delays: list[int] = []
        body = order.body.encode()
        lines = {
            "host": f"127.0.0.1:{order.port}",
            "content-type": "application/json",
            "content-length": str(len(body) - (len(HOLE) - 32 if HOLE in order.body else 0)),
            **order.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + body
        self._before, self._hole, self._behind = request.partition(HOLE.encode())

    def question(self) -> bytes | None:
        """Return the next request; None when it is enough."""
        if self.stopping or (self.order.most and self.asked >= self.order.most):
            return None
        self.asked += 1
        if not self._hole:
            return self._before
        return self._before + uuid.uuid4().hex.encode() + self._behind

    def failed(self, why: str) -> None:
        """Count an answer that was wrong, or none."""
        self.errors += 1
        self.error = self.error or why


class Connection(asyncio.Protocol):
    """One client, which asks again and again."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._stamped = load.order.gap_ms > 0
        self._pieces: list[bytes] = []
        self._first = self._asked = 0.0
        self._waiting = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._load.failed(f"the connection was lost: {exc or 'closed'}")
        if not self.done.done():
            self.done.set_result(None)

    def ask(self) -> None:
        """Ask, unless it is enough."""
        self._waiting = False
        question = self._load.question()
        if question is None:
            self._transport.close()
            return
        self._pieces.clear()
        self._first, self._waiting = 0.0, True
        self._asked = time.perf_counter()
        self._transport.write(question)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        if not self._first and (b"w0000" in data):
            self._first = time.perf_counter()
        if self._stamped and self._load.measuring:
            now = time.monotonic_ns()
            stamps = answers.STAMP.findall(data)
            self._load.deltas += len(stamps)
            self._load.delays += [now - int(stamp) for stamp in stamps]
        if self._load.order.stream:
            if data.endswith(LAST_CHUNK):
                self._ended(b"".join(self._pieces))
        else:
            self._maybe_whole()

    def _maybe_whole(self) -> None:
        data = b"".join(self._pieces)
        head, _, body = data.partition(HEAD_END)
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if (length and len(body) >= int(length)) or (not length and data.endswith(LAST_CHUNK)):
            self._ended(data)

    def _ended(self, data: bytes) -> None:
        load, took = self._load, time.perf_counter() - self._asked
        try:
            load.checker.check(body_of(data))
        except WrongAnswer as exc:
            load.failed(str(exc))
        else:
            if load.measuring:
                load.answered += 1
                load.latencies.append(took)
                load.firsts.append(self._first - self._asked)
        self.ask()


def body_of(data: bytes) -> bytes:
    """Return the body of a good response. Raises WrongAnswer."""
    head, _, body = data.partition(HEAD_END)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer(data[:400].decode(errors="replace"))
    return unchunked(body) if b"chunked" in head.lower() else body


class Watch:
    """What the processes took since it began."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._since = time.perf_counter()
        self._before = self._now()

    def _now(self) -> list[float]:
        order = self._order
        return [
            machine.cpu(order.served_by),
            machine.cpu([order.upstream]),
            machine.cpu([os.getpid()]),
            sum(machine.core_seconds(core) for core in set(order.cores)),
        ]

    def over(self) -> tuple[float, dict[str, float], float, float]:
        """Return seconds, the shares of each side and of others, and the server's CPU."""
        seconds = time.perf_counter() - self._since
        took = [now - before for now, before in zip(self._now(), self._before, strict=True)]
        server, upstream, generator, cores = (part / seconds for part in took)
        busy = {"server": server, "upstream": upstream, "generator": generator}
        others = max(0.0, cores - server - upstream - generator)
        return seconds, {name: round(part, 3) for name, part in busy.items()}, others, took[0]


async def put(order: Order) -> Measured:
    """Put load on a server, and measure."""
    load, loop = Load(order), asyncio.get_running_loop()
    before = machine.memory(order.served_by)
    connections: list[Connection] = []
    round_trip = answers.DELTAS * order.gap_ms / 1e3
    for _ in range(order.connections):
        _, made = await loop.create_connection(lambda: Connection(load), "127.0.0.1", order.port)
        connections.append(made)
        if round_trip:  # not all in step
            await asyncio.sleep(round_trip / order.connections)
    ended = asyncio.gather(*(connection.done for connection in connections))
    if not order.most:
        await asyncio.sleep(order.warm_up)
    load.measuring, watch, memory = True, Watch(order), before
    until = loop.time() + order.seconds
    while not ended.done() and loop.time() < until:
        await asyncio.wait([ended], timeout=min(LOOK_EVERY, until - loop.time()))
        memory = max(memory, machine.memory(order.served_by))
    seconds, busy, others, cpu = watch.over()
    load.measuring, load.stopping = False, True
    await asyncio.wait([ended], timeout=DRAIN + round_trip)
    if not ended.done():
        load.failed("an answer did not come")
    return Measured(
        load.answered, load.errors, load.error, round(seconds, 3), load.deltas,
        spread(load.latencies), spread(load.firsts), spread([ns / 1e9 for ns in load.delays]),
        round(cpu, 3), round(before, 2), round(memory, 2), busy, round(others, 3),
        load.checker.taken_apart,
    )  # fmt: skip


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(put(order_of(sys.stdin.buffer.read())))
    sys.stdout.buffer.write(orjson.dumps(measured))
