"""Serve: listen, tell when ready, drain when asked to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from aiohttp import web

from claude_gateway.access import places
from claude_gateway.access.door import Door, Rules
from claude_gateway.access.issued import IssuedKeys
from claude_gateway.access.reach import Reach
from claude_gateway.access.throttle import Throttle
from claude_gateway.conversations.toolboxes import toolbox_of
from claude_gateway.defaults import fetch_settings, peer_settings, tool_settings
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import demo
from claude_gateway.engine import Engine
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.following import Following
from claude_gateway.engine.hearing import Hearing, tell
from claude_gateway.errors import NotFound, SettingsError
from claude_gateway.key_stores import as_key_store
from claude_gateway.loop.limits import limits_of
from claude_gateway.models import overrides
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.cost import Costs
from claude_gateway.models.fallbacks import Fallbacks
from claude_gateway.models.table import Said
from claude_gateway.plugins import Plugins
from claude_gateway.registry import Registry, open_registry
from claude_gateway.runs import Limits, Runs
from claude_gateway.runs.deciding import Deciding
from claude_gateway.settings import Settings
from claude_gateway.types.usage import Usage
from claude_gateway.web import tls
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.app import create_app
from claude_gateway.web.background import at_work
from claude_gateway.web.connection import Connection
from claude_gateway.web.edge import Edge
from claude_gateway.web.fetching import Fetcher
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.health_board import HealthBoard
from claude_gateway.web.limits import limiter_of, places_of
from claude_gateway.web.mcp_server.sessions import Sessions
from claude_gateway.web.parking import revived
from claude_gateway.web.pulse import Pulse
from claude_gateway.web.session_count import SessionCount
from claude_gateway.web.standing import standing

BACKLOG = 4096
ROUTE_TABLE = Path("/proc/net/route")


def build_gateway(
    settings: Settings, registry: Registry, access_log: AccessLog | None = None
) -> Gateway:
    """Put the parts together that requests meet."""
    own_name = socket.gethostname().lower()
    hosts = {own_name, f"{own_name.partition('.')[0]}.local"}
    rules = Rules(
        settings[names.GATEWAY_AUTH],
        frozenset(hosts | {name.lower() for name in settings[names.ALLOWED_HOSTS]}),
        _bridge(settings[names.PUBLISHED_ON]),
    )
    said = overrides.load(settings[names.MODELS_FILE], names.MODELS_FILE.name)
    catalogue, factors = _catalogue(settings, registry, said), overrides.factors(said)
    breakers = Breakers(settings[names.BREAKER_FAILURES], settings[names.BREAKER_COOLDOWN])
    price = partial(_price, catalogue, Costs(factors, _today))
    queue = places_of(settings)
    hearing, following = Hearing(registry.observers), Following(registry.observers)
    toolbox = toolbox_of(
        settings, registry.tool_servers, registry.store, partial(tell, hearing.tools)
    )
    key_store = as_key_store(registry.store)
    issued = None if key_store is None else IssuedKeys(key_store)
    if following:
        toolbox.follow = following.tool
    gateway = Gateway(
        settings=settings,
        catalogue=catalogue,
        factors=factors,
        fallbacks=Fallbacks(settings[names.FALLBACKS], catalogue, names.FALLBACKS.name),
        engine=Engine(registry.observers, settings[names.MAX_RETRIES], breakers, queue),
        door=Door(
            rules,
            (*([issued] if issued else ()), *registry.authenticators),
            _throttle(settings),
        ),
        edge=Edge(registry.profiles),
        health=HealthBoard(
            registry.health_checks,
            {
                **({"mcp_servers": toolbox.health} if toolbox.servers else {}),
                **{f"{name}_breaker": breakers.of(name).health for name in registry.backends},
            },
        ),
        pulse=Pulse(settings[names.HEARTBEAT]),
        cors_origins=settings[names.CORS_ORIGINS],
        body_timeout=settings[names.BODY_TIMEOUT],
        demo=demo(settings),
        backends=tuple(registry.backends),
        session_count=SessionCount(registry.store, partial(tell, hearing.counts)),
        toolbox=toolbox,
        hearing=hearing,
        following=following or None,
        tool_limits=limits_of(settings),
        price=price,
        mcp_sessions=Sessions(
            settings[tool_settings.MCP_SESSIONS], settings[tool_settings.MCP_IDLE]
        ),
        store=registry.store,
        keys=issued,
        access_log=access_log,
        fetcher=_fetcher(settings),
        runs=_runs(settings, registry, price),
        limiter=limiter_of(settings),
        places=queue,
    )
    if gateway.runs is not None:
        gateway.deciding = Deciding(gateway.runs, partial(revived, gateway))
    tell(hearing.looking, partial(standing, gateway, breakers))
    return gateway


def _throttle(settings: Settings) -> Throttle:
    most, window = peer_settings.WRONG_KEYS, peer_settings.WRONG_KEYS_SECONDS
    return Throttle(settings[most], settings[window])


def _runs(
    settings: Settings, registry: Registry, price: Callable[[str, Usage], Decimal | None]
) -> Runs | None:
    if registry.store is None:
        return None
    return Runs(
        registry.store, price, Limits(settings[names.MAX_LIVE_RUNS], settings[names.RUN_LOG])
    )


def _price(catalogue: Catalogue, costs: Costs, model: str, usage: Usage) -> Decimal | None:
    try:
        known = catalogue.resolve(model).model
    except NotFound:  # a run of before, when there was another backend
        return None
    return costs.dollars(known, usage)


def _today() -> date:
    return datetime.now(UTC).date()


def _fetcher(settings: Settings) -> Fetcher | None:
    if settings[fetch_settings.IMAGE_FETCH] != "fetch":
        return None
    reach = Reach(settings[fetch_settings.FETCH_DENY], settings[fetch_settings.FETCH_ALLOW])
    return Fetcher(reach, settings[fetch_settings.FETCH_TIMEOUT])


def _catalogue(settings: Settings, registry: Registry, said: Said) -> Catalogue:
    default, file = settings[names.DEFAULT_MODEL], settings[names.MODELS_FILE]
    catalogue = Catalogue(registry.backends.values(), overrides.aliases(said), default, said.models)
    overrides.check(said, catalogue, f"{names.MODELS_FILE.name}: {file}")
    if default:
        try:
            catalogue.resolve(default)
        except NotFound as exc:
            why = exc.message.rstrip(".")
            raise SettingsError([f"{names.DEFAULT_MODEL.name}: {why}"]) from exc
    return catalogue


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is opened, so that a taken port is found at once. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def serve(
    settings: Settings,
    plugins: Plugins,
    sock: socket.socket,
    ready: Callable[[Gateway], None],
    access_log: AccessLog,
) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT, then drain. Closes the socket."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        stack.callback(sock.close)
        stack.callback(access_log.flush)
        registry = await stack.enter_async_context(
            open_registry(plugins, settings, store=settings[names.STORE])
        )
        gateway = build_gateway(settings, registry, access_log)
        # handler_cancellation: a client that leaves must stop the paid stream behind it at once.
        runner = web.AppRunner(
            create_app(gateway, registry.routes), handler_cancellation=True, shutdown_timeout=1
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(at_work(gateway))
        certificate = await stack.enter_async_context(tls.opened(settings))
        server = await loop.create_server(
            _connections(runner, settings),
            sock=sock,
            backlog=BACKLOG,
            ssl=certificate,
            ssl_handshake_timeout=settings[names.HEADER_TIMEOUT] if certificate else None,
        )
        _quiet_collector()
        ready(gateway)
        await stop.wait()
        gateway.draining = True
        server.close()
        if runner.server is not None:  # connections without a request go, the others after theirs
            runner.server.pre_shutdown()
        await drain(gateway, settings[names.SHUTDOWN_TIMEOUT])


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
        task.cancel()
    if live:
        await asyncio.wait(live, timeout=grace)


def _live(gateway: Gateway) -> list[asyncio.Task[object]]:
    handlers = [task for task in gateway.live if task is not None]
    return handlers + (gateway.runs.tasks if gateway.runs is not None else [])


def _connections(runner: web.AppRunner, settings: Settings) -> Callable[[], Connection]:
    loop = asyncio.get_running_loop()
    patience, origins = settings[names.HEADER_TIMEOUT], settings[names.CORS_ORIGINS]
    allow_origin = "*" if "*" in origins else origins[0]

    def connect() -> Connection:
        if runner.server is None:
            raise ConnectionAbortedError("the server is stopping")
        return Connection(
            runner.server, loop=loop, header_patience=patience, allow_origin=allow_origin
        )

    return connect


def _bridge(published_on: str) -> str | None:
    """In a container whose port is published on loopback only, its bridge is this machine."""
    if not published_on or not places.is_loopback_address(published_on):
        return None
    try:
        return places.default_gateway(ROUTE_TABLE.read_text("ascii"))
    except OSError:
        return None


def _quiet_collector() -> None:
    """What start-up made lives for ever: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
