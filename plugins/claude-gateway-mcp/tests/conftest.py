"""Servers to connect to, and the gateway's side of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from claude_gateway_mcp.entries import Around, read_entry
from claude_gateway_mcp.fleet import Fleet
from claude_gateway_mcp.keepers import Limits
from claude_gateway_mcp.specs import Spec
from claude_gateway_mcp.vault import Vault

from claude_gateway import ServerState, ToolCall, ToolResult, ToolServer

SERVERS = Path(__file__).parent / "servers"
SOON = 40.0  # seconds; on a machine that is busy
PATIENT = Limits(SOON)


async def until(true: Callable[[], object], within: float = SOON) -> None:
    """Wait until something has become true."""
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@dataclass(frozen=True)
class Served:
    """A server that the gateway keeps, and what is around it."""

    server: ToolServer
    fleet: Fleet

    @property
    def state(self) -> ServerState:
        """How it is doing."""
        return self.server.state()

    async def names(self) -> list[str]:
        """Return what its tools are called."""
        return [tool.name for tool in await self.server.tools()]

    async def run(self, tool: str, /, **arguments: object) -> ToolResult:
        """Call a tool."""
        return await self.server.call(tool, ToolCall(arguments, "ada", id="call_1"))

    async def done(self, tool: str, /, **arguments: object) -> str:
        """Return what a tool that must succeed says."""
        result = await self.run(tool, **arguments)
        assert not result.is_error, result.text
        return result.text

    async def done_soon(self, tool: str, /, **arguments: object) -> str:
        """Return what a tool says that is about to appear."""
        async with asyncio.timeout(SOON):
            while tool not in await self.names():
                await asyncio.sleep(0.005)
        return await self.done(tool, **arguments)

    async def refused(self, tool: str, /, **arguments: object) -> str:
        """Return why a tool failed, as it must."""
        result = await self.run(tool, **arguments)
        assert result.is_error, result.text
        return result.text

    async def becomes(self, status: str, within: float = SOON) -> ServerState:
        """Wait for a state."""
        await until(lambda: self.state.status == status, within)
        return self.state


class Serve(Protocol):
    def __call__(
        self,
        entry: Mapping[str, object],
        *,
        limits: Limits = ...,
        wait: str = ...,
        vault: Vault | None = ...,
    ) -> AbstractAsyncContextManager[Served]: ...


def spec_of(entry: Mapping[str, object], folder: Path, name: str = "thing") -> Spec:
    return read_entry(name, name, dict(entry), Around(os.environ, folder))


@asynccontextmanager
async def _serve(
    folder: Path,
    entry: Mapping[str, object],
    *,
    limits: Limits = PATIENT,
    wait: str = "available",
    vault: Vault | None = None,
) -> AsyncGenerator[Served]:
    fleet = Fleet(limits, vault)
    async with fleet.serving(spec_of(entry, folder)) as server:
        served = Served(server, fleet)
        if wait:
            state = await served.becomes(wait)
            assert state.status == wait, state.reason
        yield served
    assert fleet.guard.groups == frozenset()


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Keep a server by its entry in the configuration, once it is in the state `wait`."""
    return partial(_serve, tmp_path)


class Tiny(Protocol):
    def __call__(self, *vices: str, **fields: object) -> dict[str, object]: ...


@dataclass(frozen=True)
class Notes:
    """Files that a tiny server writes into."""

    pids_file: Path
    calls_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name them."""
        return {"PIDS": str(self.pids_file), "CALLS": str(self.calls_file)}

    @property
    def pids(self) -> list[int]:
        """Every process that there was."""
        return [int(line) for line in self._lines(self.pids_file)]

    @property
    def calls(self) -> list[str]:
        """What became of calls that hang."""
        return self._lines(self.calls_file)

    def _lines(self, file: Path) -> list[str]:
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    notes = Notes(tmp_path / "pids", tmp_path / "calls")
    yield notes
    assert [pid for pid in notes.pids if alive(pid)] == [], "programs were left behind"


@pytest.fixture
def tiny(notes: Notes) -> Tiny:
    """Return the entry of a tiny server with these vices."""

    def entry(*vices: str, **fields: object) -> dict[str, object]:
        given = fields.pop("env", {})
        assert isinstance(given, dict)
        return {
            "command": sys.executable,
            "args": ["-I", "-S", str(SERVERS / "tiny.py"), *vices],
            "env": {**notes.environment, **given},
            **fields,
        }

    return entry


class Hosted(Protocol):
    def __call__(self, kind: str) -> AbstractAsyncContextManager[Host]: ...


@dataclass
class Host:
    """A real server that listens on a port."""

    process: subprocess.Popen[bytes]
    port: int
    kind: str

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}/{'sse' if self.kind == 'sse' else 'mcp'}"

    @classmethod
    def start(cls, kind: str) -> Host:
        """Start one, and wait until it listens."""
        command = [sys.executable, str(SERVERS / "real.py"), kind]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        return cls(process, int(process.stdout.readline()), kind)

    def end(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def hosts() -> Iterator[dict[str, Host]]:
    """Servers that all tests share, which neither change nor end them."""
    hosts: dict[str, Host] = {}
    yield hosts
    for host in hosts.values():
        host.end()


@pytest.fixture
def hosted(hosts: dict[str, Host]) -> Hosted:
    """Use a real server on a port: `http`, `json`, `stateless` or `sse`."""

    @asynccontextmanager
    async def shared(kind: str) -> AsyncGenerator[Host]:
        if kind not in hosts:
            hosts[kind] = await asyncio.to_thread(Host.start, kind)
        yield hosts[kind]

    return shared


@pytest.fixture
def hosted_alone() -> Hosted:
    """Run a real server that this test may change or end."""

    @asynccontextmanager
    async def alone(kind: str) -> AsyncGenerator[Host]:
        host = await asyncio.to_thread(Host.start, kind)
        try:
            yield host
        finally:
            host.end()

    return alone
