"""Offers, opened. Requests only ever meet what is in here."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from claude_gateway.backends import Backend
from claude_gateway.errors import PluginError
from claude_gateway.interfaces import (
    Authenticator,
    HealthCheck,
    ModelBackend,
    Observer,
    Offer,
    PluginRoute,
    ReportsHealth,
)
from claude_gateway.plugins import Plugins, cure
from claude_gateway.profiles import ClientProfile
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.tool_servers import OWN_ID, ToolServer
from claude_gateway.types.health import Health

T = TypeVar("T")

log = logging.getLogger(__name__)

SERVER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it stands in URLs and names of tools
SERVER_PARTS = ("title", "description", "transport", "state", "tools", "call")


@dataclass(frozen=True, slots=True)
class Registry:
    """All that is open, by kind. All but authenticators and observers have names."""

    backends: dict[str, Backend] = field(default_factory=dict)
    authenticators: tuple[Authenticator, ...] = ()
    observers: tuple[Observer, ...] = ()
    health_checks: dict[str, HealthCheck] = field(default_factory=dict)
    store: Store | None = None
    tool_servers: dict[str, ToolServer] = field(default_factory=dict)
    profiles: dict[str, ClientProfile] = field(default_factory=dict)
    routes: tuple[PluginRoute, ...] = ()


@asynccontextmanager
async def open_registry(
    plugins: Plugins, settings: Settings, *, store: str = "auto", open_timeout: float = 30
) -> AsyncGenerator[Registry]:
    """Open offers: store → observers → tools → authenticators → backends → the rest. Close in reverse.

    Of the stores only the one called `store` is opened: `auto` is the only one, `none` is none.
    Raises PluginError naming the plugin whose offer cannot be opened, or two that clash.
    """
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(
            open_store(plugins, settings, store, open_timeout=open_timeout)
        )

        async def open_all(hook: str) -> list[tuple[str, object]]:
            return await _open_all(stack, plugins, settings, hook, open_timeout)

        observers = await open_all("register_observers")
        tool_servers = await stack.enter_async_context(
            open_tool_servers(plugins, settings, open_timeout=open_timeout)
        )
        authenticators = await open_all("register_authenticators")
        backends = cast("dict[str, ModelBackend]", dict(await open_all("register_model_backends")))
        checks = cast("dict[str, HealthCheck]", dict(await open_all("register_health_checks")))
        profiles = cast(
            "dict[str, ClientProfile]", dict(await open_all("register_client_profiles"))
        )
        routes = await stack.enter_async_context(
            open_routes(plugins, settings, open_timeout=open_timeout)
        )
        for name, check in _backend_checks(backends).items():
            if name in checks:
                raise PluginError(f"a backend and a health check are both called {name!r}")
            checks[name] = check
        yield Registry(
            {name: _looked_at(name, backend) for name, backend in backends.items()},
            tuple(cast("Authenticator", a) for _, a in authenticators),
            tuple(cast("Observer", o) for _, o in observers),
            checks,
            kept,
            tool_servers,
            profiles,
            routes,
        )


@asynccontextmanager
async def open_store(
    plugins: Plugins, settings: Settings, wanted: str, *, open_timeout: float = 30
) -> AsyncGenerator[Store | None]:
    """Open the store alone, as `open_registry` would; None when there is none."""
    async with AsyncExitStack() as stack:
        chosen = choose_store(plugins, settings, wanted)
        yield None if chosen is None else await _open(stack, plugins, *chosen, open_timeout)


@asynccontextmanager
async def open_tool_servers(
    plugins: Plugins, settings: Settings, *, open_timeout: float = 30
) -> AsyncGenerator[dict[str, ToolServer]]:
    """Open the tool servers alone, as `open_registry` would."""
    async with AsyncExitStack() as stack:
        hook = "register_tool_servers"
        opened = await _open_all(stack, plugins, settings, hook, open_timeout)
        yield {name: _tool_server(name, server) for name, server in opened}


@asynccontextmanager
async def open_routes(
    plugins: Plugins, settings: Settings, *, open_timeout: float = 30
) -> AsyncGenerator[tuple[PluginRoute, ...]]:
    """Open the routes alone, as `open_registry` would."""
    async with AsyncExitStack() as stack:
        opened = await _open_all(stack, plugins, settings, "register_routes", open_timeout)
        yield tuple(_route(name, route) for name, offered in opened for route in _many(offered))


def choose_store(
    plugins: Plugins, settings: Settings, wanted: str
) -> tuple[str, Offer[Store]] | None:
    """Return the plugin and its offer. Raises PluginError when it cannot be told which is meant."""
    offers = cast(
        "Sequence[tuple[str, Offer[Store]]]", _offers(plugins, "register_stores", settings)
    )
    names = [offer.name for _, offer in offers]
    if wanted == "none" or (wanted == "auto" and not offers):
        return None
    fitting = [pair for pair in offers if wanted in ("auto", pair[1].name)]
    if len(fitting) != 1:
        raise PluginError(
            f"GATEWAY_STORE={wanted} does not say which store to use; there are: "
            f"{', '.join(names) or 'none'}"
        )
    return fitting[0]


def _looked_at(name: str, backend: ModelBackend) -> Backend:
    try:
        return Backend.of(name, backend)
    except Exception as exc:
        raise PluginError(
            f"the backend {name!r} is none: it needs `models` and `stream` "
            f"({type(exc).__name__}: {exc})"
        ) from exc


def _tool_server(name: str, server: object) -> ToolServer:
    if not SERVER_ID.fullmatch(name):
        raise PluginError(
            f"the tool server {name!r} needs another name: 1 to 64 letters, digits, dots, "
            "underscores and hyphens, the first a letter or digit"
        )
    if name == OWN_ID:
        raise PluginError(f"no tool server can be called {OWN_ID!r}: that is the gateway itself")
    missing = [part for part in SERVER_PARTS if not hasattr(server, part)]
    if missing:
        raise PluginError(f"the tool server {name!r} is none: it lacks {', '.join(missing)}")
    return cast("ToolServer", server)


def _many(offered: object) -> Sequence[object]:
    return offered if isinstance(offered, Sequence) else (offered,)


def _route(name: str, route: object) -> PluginRoute:
    if not isinstance(route, PluginRoute):
        raise PluginError(f"the routes {name!r} have one that is no PluginRoute but {route!r:.100}")
    return route


def _backend_checks(backends: Mapping[str, ModelBackend]) -> dict[str, HealthCheck]:
    return {
        f"{name}_api": _BackendCheck(backend)
        for name, backend in backends.items()
        if isinstance(backend, ReportsHealth)
    }


class _BackendCheck:
    def __init__(self, backend: ReportsHealth) -> None:
        self._backend = backend

    async def check(self) -> Health:
        return await self._backend.check_health()


def _offers(plugins: Plugins, hook: str, settings: Settings) -> Sequence[tuple[str, Offer[object]]]:
    offers: list[tuple[str, Offer[object]]] = []
    owner: dict[str, str] = {}
    for name, thing in plugins.ask(hook, settings=settings):
        if not isinstance(thing, Offer):
            raise PluginError(
                f"{plugins.where(name)}: {hook} must return offers, not {type(thing).__name__}. "
                f"{cure(name)}"
            )
        if thing.name in owner:
            raise PluginError(
                f"{plugins.where(owner[thing.name])} and {plugins.where(name)} both offer "
                f"{thing.name!r} in {hook}. {cure(name)}"
            )
        owner[thing.name] = name
        offers.append((name, thing))
    return offers


async def _open_all(
    stack: AsyncExitStack, plugins: Plugins, settings: Settings, hook: str, timeout_s: float
) -> list[tuple[str, object]]:
    return [
        (offer.name, await _open(stack, plugins, name, offer, timeout_s))
        for name, offer in _offers(plugins, hook, settings)
    ]


async def _open(
    stack: AsyncExitStack, plugins: Plugins, name: str, offer: Offer[T], timeout_s: float
) -> T:
    timeout_s = timeout_s if offer.patience is None else offer.patience
    patience, opened = asyncio.timeout(timeout_s), AsyncExitStack()
    try:
        async with patience:
            thing = await opened.enter_async_context(offer.open())
    except Exception as exc:
        why = " ".join(str(exc).split()).rstrip(".")
        if not isinstance(exc, PluginError):
            why = f"{type(exc).__name__}: {why}".rstrip(": ")
        if patience.expired():
            why = f"took longer than {timeout_s:g} s"
        raise PluginError(
            f"{plugins.where(name)} cannot open {offer.name!r}: {why}. {cure(name)}"
        ) from exc
    stack.push_async_callback(_close, opened, f"{plugins.where(name)}: {offer.name!r}")
    return thing


async def _close(opened: AsyncExitStack, what: str) -> None:
    """Close one offer; what it gets wrong must not keep the others from being closed."""
    try:
        await opened.aclose()
    except Exception:
        log.exception("an offer failed while it was closed", extra={"offer": what})
