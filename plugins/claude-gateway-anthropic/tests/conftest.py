"""An upstream that says exactly the bytes a test wants, and accounts to reach it by."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeAlias

import pytest
from claude_gateway_anthropic.settings import TRANSPORTS, Account

from claude_gateway import Secret

# Bytes are written; an event is waited for; "close" ends politely, "reset" does not; "hang" waits
# until the client is gone; "flood" writes until it is, or everything was taken.
Step: TypeAlias = bytes | asyncio.Event | str
FLOOD = 64 * 2**20


class Origin:
    """A server with one script for each request; connections are kept between them."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []
        self.written = 0
        self.left = asyncio.Semaphore(0)
        self.served: asyncio.Queue[None] = asyncio.Queue()
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def script(self, *steps: Step) -> None:
        self._scripts.append(steps)

    async def start(self, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=1000)
        scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
        self.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
        return server

    async def stop(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    async def gone(self, within: float = 1) -> None:
        """Wait until one more client has left in the middle of something."""
        async with asyncio.timeout(within):
            await self.left.acquire()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                self.served.put_nowait(None)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [int(v) for k, _, v in lines(head) if k.lower() == "content-length"]
        self.requests.append(head + await reader.readexactly(*length or [0]))
        for step in self._scripts.popleft():
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case asyncio.Event():
                    await step.wait()
                case "flood":
                    await self._flood(writer)
                case "hang":
                    await reader.read()
                    self.left.release()
                    return False
                case "close":
                    writer.close()
                    await writer.wait_closed()
                    self.served.put_nowait(None)
                    return False
                case _:
                    reset(writer)
                    return False
        return True

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        piece = bytes(2**16)
        while self.written < FLOOD:
            writer.write(piece)
            await writer.drain()
            self.written += len(piece)


def lines(head: bytes) -> list[tuple[str, str, str]]:
    return [line.partition(": ") for line in head.decode().split("\r\n")[1:-2]]


def reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture
async def origin() -> AsyncGenerator[Origin]:
    origin = Origin()
    server = await origin.start()
    yield origin
    await origin.stop(server)


@pytest.fixture(params=TRANSPORTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def account(kind: str) -> Callable[..., Account]:
    """Make an account at a URL that uses the transport under test."""

    def account(url: str, **changes: Any) -> Account:
        usual: dict[str, Any] = {
            "base_url": url,
            "api_key": Secret("sk-ant-gateway"),
            "auth_token": Secret(""),
            "version": "2023-06-01",
            "betas": "",
            "connect_timeout": 5.0,
            "timeout": 20.0,
            "transport": kind,
            "bring_your_own": False,
        }
        return Account(**{**usual, **changes})

    return account
