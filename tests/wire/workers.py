"""Talk to one worker of several, and not to whoever is first."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from zlib import crc32

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Connection, Response, request

NAME = re.compile(r"worker-(\d+)$")


async def pids(gateway: GatewayProcess) -> dict[int, int]:
    """Return the processes of the workers, by number."""
    return await workers_of(gateway.process.pid)


async def workers_of(parent: int) -> dict[int, int]:
    ps = await asyncio.create_subprocess_exec(
        "ps", "-A", "-ww", "-o", "pid=,ppid=,args=", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await ps.communicate()
    found: dict[int, int] = {}
    for line in said.decode().splitlines():
        pid, ppid, args = line.split(None, 2)
        if int(ppid) == parent and (name := NAME.search(args.strip())):
            found[int(name[1])] = int(pid)
    return found


async def until_there(gateway: GatewayProcess, number: int, instead_of: int) -> int:
    """Wait until a worker was replaced, and return the new one."""
    async with asyncio.timeout(20):
        while (now := (await pids(gateway)).get(number, instead_of)) == instead_of:
            await asyncio.sleep(0.05)
    return now


@dataclass
class Desk:
    """One worker, by connections that nobody else has accepted. Each is asked one thing at a time."""

    number: int
    _free: list[Connection] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        connection = self._free.pop()
        await connection.send(request(method, path, body, headers))
        answer = await connection.response()
        self._free.append(connection)
        return answer

    async def open(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Connection:
        """Send a request, and return the connection, which is used for nothing else."""
        connection = self._free.pop()
        await connection.send(request(method, path, body, headers))
        return connection


@asynccontextmanager
async def desks(gateway: GatewayProcess, connections: int = 6) -> AsyncGenerator[list[Desk]]:
    """Connect to each worker while the others are stopped, and accept nothing."""
    workers = await pids(gateway)
    async with AsyncExitStack() as stack:
        found: list[Desk] = []
        for number in sorted(workers):
            others = [pid for other, pid in workers.items() if other != number]
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            try:
                desk = Desk(number)
                for _ in range(connections):
                    connection = Connection(gateway.port, timeout=10)
                    desk._free.append(await stack.enter_async_context(connection))
                    assert (await desk.ask("GET", "/readiness")).status == 200
                found.append(desk)
            finally:
                for pid in others:
                    os.kill(pid, signal.SIGCONT)
        yield found


def at_home(number: int, of: int, prefix: str = "s") -> str:
    """Return a name that is at home with a worker."""
    return next(name for n in count() if crc32((name := f"{prefix}-{n}").encode()) % of == number)


async def rest_of(connection: Connection) -> bytes:
    """Return the rest of a chunked body."""
    said = b""
    while chunk := await connection.chunk():
        said += chunk
    return said
