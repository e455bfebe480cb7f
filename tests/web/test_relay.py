"""What is passed on of another worker's answer: whether it is all of it, however it was cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from claude_gateway.web.copying import Answer
from claude_gateway.web.relay import _copied

HEAD = b"HTTP/1.1 200 OK\r\nServer: claude_gateway\r\n"
SIZED = HEAD + b"Content-Length: 5\r\n\r\nHello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\nServer: claude_gateway\r\n\r\n"


def passed(data: bytes, step: int, *, bodiless: bool = False) -> Answer:
    answer = Answer(bodiless=bodiless)
    for at in range(0, len(data), step):
        answer.passed(data[at : at + step])
    return answer


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("data", [SIZED, CHUNKED, NOTHING], ids=["sized", "chunked", "nothing"])
def test_an_answer_is_whole_when_its_last_byte_has_come(data: bytes, step: int) -> None:
    answer = passed(data, step)
    assert answer.whole
    assert answer.size == len(data)
    assert answer.status == int(data[9:12])


@pytest.mark.parametrize("data", [SIZED, CHUNKED, NOTHING], ids=["sized", "chunked", "nothing"])
def test_an_answer_that_breaks_off_anywhere_is_not_whole(data: bytes) -> None:
    for size in range(len(data)):
        assert not passed(data[:size], 3).whole, data[:size]


def test_the_answer_to_head_is_its_head() -> None:
    answer = passed(SIZED.removesuffix(b"Hello"), 4, bodiless=True)
    assert answer.whole


class Worker:
    """Answers with many bytes, and takes note when nobody takes them."""

    piece = b"10000\r\n" + b"x" * 2**16 + b"\r\n"
    most = 1000  # some 64 MB

    def __init__(self) -> None:
        self.pieces = 0
        self.blocked = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(3) == b"ask"
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            while self.pieces < self.most:
                writer.write(self.piece)
                draining = asyncio.ensure_future(writer.drain())
                if not (await asyncio.wait({draining}, timeout=0.5))[0]:
                    self.blocked.set()
                await draining
                self.pieces += 1
            writer.write(b"0\r\n\r\n")
        writer.close()


@asynccontextmanager
async def relaying(folder: Path, worker: Worker) -> AsyncGenerator[int]:
    address = folder / "worker"

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.Request)
        return await _copied(request, address, b"ask")

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with await asyncio.start_unix_server(worker, address):
        yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_client_that_reads_slowly_holds_the_other_worker_up_and_loses_nothing(
    tmp_path: Path,
) -> None:
    worker = Worker()
    async with relaying(tmp_path, worker) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(20):
            await worker.blocked.wait()
            assert worker.pieces < worker.most / 2
            body = bytearray()
            while not body.endswith(b"\r\n0\r\n\r\n"):
                body += await reader.read(2**22)
        assert body.count(worker.piece) == worker.most
        writer.close()


async def test_a_client_that_leaves_ends_what_another_worker_says(tmp_path: Path) -> None:
    worker = Worker()
    async with relaying(tmp_path, worker) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(20):
            await worker.blocked.wait()
            writer.transport.abort()
            while asyncio.all_tasks() - {asyncio.current_task()}:  # the worker's own among them
                await asyncio.sleep(0.01)
        assert worker.pieces < worker.most
