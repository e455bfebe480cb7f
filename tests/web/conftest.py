"""The gateway as the command serves it, in this process: all production flags, real signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from claude_gateway import Settings
from claude_gateway.cli.start import known_settings
from claude_gateway.defaults import Defaults
from claude_gateway.plugins import load
from claude_gateway.testing.raw import Response, ask
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.server import Doors, serve
from claude_gateway.web.sockets import listen

if TYPE_CHECKING:
    from tests.conftest import Scripted


@dataclass
class Running:
    """A gateway that is served, and how it went."""

    port: int
    gateways: list[Gateway] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[Mapping[str, object]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def gateway(self) -> Gateway:
        return self.gateways[0]

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes = b""
    ) -> Response:
        """Send one request on a connection of its own."""
        return await ask(self.port, method, path, body)

    def terminate(self) -> None:
        """Ask it to stop, as an operator would."""
        os.kill(os.getpid(), signal.SIGTERM)

    async def stopped(self) -> None:
        """Wait until it has stopped, and raise what went wrong."""
        assert self.task is not None
        async with asyncio.timeout(5):
            await self.task


class Run(Protocol):
    def __call__(
        self, *parts: object, **environment: str
    ) -> AbstractAsyncContextManager[Running]: ...


@asynccontextmanager
async def _running(offering: type, *parts: Scripted, **environment: str) -> AsyncGenerator[Running]:
    named = [(f"p{i}", offering(part)) for i, part in enumerate(parts)]
    plugins = load(("defaults", Defaults()), *named, discover=False)
    settings = Settings.read(environment, known_settings(plugins))
    sock = listen("127.0.0.1", 0)
    running = Running(sock.getsockname()[1])

    def ready(gateway: Gateway) -> None:
        running.gateways.append(gateway)
        running.ready.set()

    def kept(line: Mapping[str, object]) -> bytes:
        running.lines.append(line)
        return b""

    running.task = asyncio.create_task(
        serve(settings, plugins, Doors(sock), ready, AccessLog(kept, bool))
    )
    begun = asyncio.create_task(running.ready.wait())
    await asyncio.wait([running.task, begun], return_when="FIRST_COMPLETED")
    begun.cancel()
    try:
        yield running
    finally:
        if not running.task.done():
            running.terminate()
        await running.stopped()


@pytest.fixture
def run(tmp_path: Path, offering: type) -> Iterator[Run]:
    """Serve these backends until left, or until it is told to stop."""
    thresholds = gc.get_threshold()
    yield partial(_running, offering, GATEWAY_DATA_DIR=str(tmp_path), GATEWAY_SHUTDOWN_TIMEOUT="2")
    gc.unfreeze()
    gc.set_threshold(*thresholds)
