"""Serve: tell when ready, drain when asked to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from claude_gateway.defaults import settings as names
from claude_gateway.plugins import Plugins
from claude_gateway.registry import open_registry
from claude_gateway.settings import Settings
from claude_gateway.web import tls
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.app import create_app
from claude_gateway.web.background import at_work
from claude_gateway.web.building import build_gateway
from claude_gateway.web.connection import Connection
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.passage import server_of
from claude_gateway.web.shared_limits import SharedLimiter
from claude_gateway.web.siblings import Siblings, Worker
from claude_gateway.web.sockets import BACKLOG

if TYPE_CHECKING:
    from ssl import SSLContext


@dataclass(frozen=True, slots=True)
class Doors:
    """Where requests come in: a bound socket, and of one worker of several also its own."""

    public: socket.socket
    worker: Worker | None = None

    def close(self) -> None:
        """Close them all."""
        self.public.close()
        if self.worker is not None:
            self.worker.private.close()


class Open(NamedTuple):
    """The doors, open. The private one is held, or it would be closed; other workers use it to the end."""

    public: asyncio.AbstractServer
    private: asyncio.AbstractServer | None


async def serve(
    settings: Settings,
    plugins: Plugins,
    doors: Doors,
    ready: Callable[[Gateway], None],
    access_log: AccessLog,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Closes the sockets."""
    stop = _told_to_stop()
    async with AsyncExitStack() as stack:
        stack.callback(doors.close)
        stack.callback(access_log.flush)
        registry = await stack.enter_async_context(
            open_registry(plugins, settings, store=settings[names.STORE])
        )
        siblings = Siblings(doors.worker) if doors.worker is not None else None
        gateway = build_gateway(settings, registry, access_log, siblings)
        app = create_app(gateway, registry.routes)
        runner = web.ServerRunner(server_of(app), shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(at_work(gateway))
        if siblings is not None:
            await stack.enter_async_context(_among(siblings, gateway))
        certificate = await stack.enter_async_context(tls.opened(settings))
        opened = await _open(doors, runner, settings, certificate)
        _quiet_collector()
        ready(gateway)
        await stop.wait()
        gateway.draining = True
        opened.public.close()
        if runner.server is not None:  # connections without a request go, the others after theirs
            runner.server.pre_shutdown()
        await drain(gateway, settings[names.SHUTDOWN_TIMEOUT])


@asynccontextmanager
async def _among(siblings: Siblings, gateway: Gateway) -> AsyncGenerator[None]:
    """Reach the other workers, and count with them, until left."""
    async with siblings.reaching():
        if not isinstance(gateway.limiter, SharedLimiter):
            yield
            return
        async with gateway.limiter.shared():
            yield


def _told_to_stop() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _open(
    doors: Doors, runner: web.ServerRunner, settings: Settings, certificate: SSLContext | None
) -> Open:
    """Let requests in."""
    loop, worker, private = asyncio.get_running_loop(), doors.worker, None
    if worker is not None:
        others = _connections(runner, settings, private=True)
        private = await loop.create_unix_server(others, sock=worker.private, backlog=BACKLOG)
    clients = _connections(runner, settings)
    public = await loop.create_server(
        clients,
        sock=doors.public,
        backlog=BACKLOG,
        ssl=certificate,
        ssl_handshake_timeout=settings[names.HEADER_TIMEOUT] if certificate else None,
    )
    return Open(public, private)


async def drain(gateway: Gateway, patience: float) -> None:
    """Let running answers finish for `patience` seconds, then tell the others and let them go."""
    deadline = time.monotonic() + patience
    grace = min(1.0, patience / 4)
    while (live := _live(gateway)) and (left := deadline - grace - time.monotonic()) > 0:
        await asyncio.wait(live, timeout=left)
    gateway.interrupting = True
    if gateway.runs is not None:  # those who watch are shown the end that is stored
        await gateway.runs.stop_all(grace / 2)
        await asyncio.sleep(0)
    live = [task for task in gateway.live if task is not None]
    for task in live:
        # What another worker says last comes from there.
        if gateway.siblings is None or task not in gateway.siblings.relaying:
            task.cancel()
    if live:
        await asyncio.wait(live, timeout=grace)


def _live(gateway: Gateway) -> list[asyncio.Task[object]]:
    handlers = [task for task in gateway.live if task is not None]
    return handlers + (gateway.runs.tasks if gateway.runs is not None else [])


def _connections(
    runner: web.ServerRunner, settings: Settings, *, private: bool = False
) -> Callable[[], Connection]:
    loop = asyncio.get_running_loop()
    patience, origins = settings[names.HEADER_TIMEOUT], settings[names.CORS_ORIGINS]
    allow_origin = "*" if "*" in origins else origins[0]

    def connect() -> Connection:
        if runner.server is None:
            raise ConnectionAbortedError("the server is stopping")
        return Connection(
            runner.server,
            loop=loop,
            header_patience=patience,
            allow_origin=allow_origin,
            private=private,
        )

    return connect


def _quiet_collector() -> None:
    """What start-up made lives for ever: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 50)
