"""The workers of one gateway: who is at home where, and how to reach the others.

A session, a run without a session, an `Idempotency-Key` and a session of MCP each have one worker that they are
at home with. It follows from their name alone, so nobody has to be asked, and nothing has to be given up
when a worker dies: whoever takes its place has the same number. What is made here gets a name that is at home here.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, UnixConnector, web
from yarl import URL

from claude_gateway.ids import Ids
from claude_gateway.web.gateway import GATEWAY, RAW


class Elsewhere(Exception):
    """A request is about what lives in the worker `home`; `body` is None when it was not read."""

    def __init__(self, home: int, body: bytes | None) -> None:
        super().__init__(home)
        self.home = home
        self.body = body


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` workers; `private` is where the others reach it, a socket in `folder`."""

    index: int
    count: int
    folder: Path
    private: socket.socket


def home_of(name: str, count: int) -> int:
    """Return the number of the worker that has what is called so."""
    return crc32(name.encode(errors="surrogateescape")) % count


def address(folder: Path, index: int) -> Path:
    """Return where a worker is reached."""
    return folder / str(index)


class HomeIds(Ids):
    """Ids of what lives where it was made."""

    def __init__(self, index: int, count: int) -> None:
        super().__init__()
        self._index = index
        self._count = count

    def run(self) -> str:
        """An id for one assistant turn."""
        while not self._here(made := super().run()):
            pass
        return made

    def session(self) -> str:
        """An id for a session."""
        while not self._here(made := super().session()):
            pass
        return made

    def mcp_session(self) -> str:
        """An id for a session of MCP."""
        while not self._here(made := secrets.token_hex(16)):
            pass
        return made

    def _here(self, made: str) -> bool:
        return home_of(made, self._count) == self._index


class Siblings:
    """The workers, as one of them sees them."""

    def __init__(self, worker: Worker) -> None:
        self.index = worker.index
        self.ids = HomeIds(worker.index, worker.count)
        self.relaying: set[asyncio.Task[object] | None] = set()
        self._worker = worker
        self._clients: list[ClientSession] = []

    @property
    def folder(self) -> Path:
        """Where the sockets are; nobody else may enter it."""
        return self._worker.folder

    @property
    def others(self) -> list[int]:
        """The numbers of the others."""
        return [index for index in range(self._worker.count) if index != self.index]

    def path_of(self, index: int) -> Path:
        """Return the socket where a worker is reached. It closes each connection after one answer."""
        return address(self._worker.folder, index)

    def home(self, name: str) -> int:
        """Return the number of the worker that has what is called so."""
        return home_of(name, self._worker.count)

    @asynccontextmanager
    async def reaching(self) -> AsyncGenerator[None]:
        """Be able to ask the others, until left."""
        async with AsyncExitStack() as stack:
            for index in range(self._worker.count):
                # A connection for each request: one that is kept could close as it is used.
                path = str(self.path_of(index))
                connector = UnixConnector(path, limit=0, force_close=True)
                client = ClientSession(
                    connector=connector,
                    cookie_jar=DummyCookieJar(),
                    timeout=ClientTimeout(total=None, sock_connect=10),
                    auto_decompress=False,
                    skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                )
                self._clients.append(await stack.enter_async_context(client))
            yield

    @asynccontextmanager
    async def ask(
        self, index: int, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[ClientResponse]:
        """Ask another worker. Raises aiohttp's ClientError when it dies."""
        url = URL(f"http://worker{target}", encoded=True)
        answer = await self._clients[index].request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        )
        try:
            yield answer
        finally:
            answer.close()


def at_home(request: web.Request, name: str) -> None:
    """Raise Elsewhere when what is called so lives in another worker."""
    siblings = request.app[GATEWAY].siblings
    if siblings is not None and (home := siblings.home(name)) != siblings.index:
        raise Elsewhere(home, request.get(RAW))
