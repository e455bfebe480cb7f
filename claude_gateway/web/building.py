"""Put together what requests meet, from what is open."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from claude_gateway.access import places
from claude_gateway.access.door import Door, Rules
from claude_gateway.access.issued import IssuedKeys
from claude_gateway.access.limiter import Limiter
from claude_gateway.access.reach import Reach
from claude_gateway.access.throttle import Throttle
from claude_gateway.budget_stores import as_budget_store
from claude_gateway.conversations.toolboxes import toolbox_of
from claude_gateway.defaults import fetch_settings, limit_settings, peer_settings, tool_settings
from claude_gateway.defaults import keeping_settings as keeping
from claude_gateway.defaults import resilience_settings as resilience
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.health_settings import HEALTH_SECONDS
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
from claude_gateway.registry import Registry
from claude_gateway.runs import Limits, Runs
from claude_gateway.runs.deciding import Deciding
from claude_gateway.settings import Settings
from claude_gateway.spending.bounds import Bounds
from claude_gateway.spending.budgets import Budgets
from claude_gateway.spending.till import Till
from claude_gateway.spending_stores import as_usage_store
from claude_gateway.toolbox import Toolbox
from claude_gateway.types.usage import Usage
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.edge import Edge
from claude_gateway.web.fetching import Fetcher
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.health_board import HealthBoard
from claude_gateway.web.limits import limiter_of, places_of, share_of
from claude_gateway.web.mcp_server.sessions import Sessions
from claude_gateway.web.parking import revived
from claude_gateway.web.pulse import Pulse
from claude_gateway.web.session_count import SessionCount
from claude_gateway.web.shared_limits import SharedLimiter
from claude_gateway.web.standing import standing

if TYPE_CHECKING:
    from claude_gateway.web.siblings import Siblings

ROUTE_TABLE = Path("/proc/net/route")
DAY, FIRST_DAY = 86_400, date(1970, 1, 1)


def build_gateway(
    settings: Settings,
    registry: Registry,
    access_log: AccessLog | None = None,
    siblings: Siblings | None = None,
) -> Gateway:
    """Put the parts together that requests meet. `siblings` are there where there are more workers."""
    said = overrides.load(settings[names.MODELS_FILE], names.MODELS_FILE.name)
    catalogue, factors = _catalogue(settings, registry, said), overrides.factors(said)
    breakers = Breakers(
        settings[resilience.BREAKER_FAILURES], settings[resilience.BREAKER_COOLDOWN]
    )
    price = partial(_price, catalogue, Costs(factors, _today))
    hearing, following = Hearing(registry.observers), Following(registry.observers)
    toolbox = _toolbox(settings, registry, hearing, following)
    issued, till, queue = _issued(registry), _till(registry), places_of(settings)
    unpriced = settings[limit_settings.BUDGET_UNPRICED] == "allow"
    bounds = Bounds(catalogue, factors, _today, unpriced)
    budgets = _budgets(registry, bounds, hearing)
    gateway = Gateway(
        settings=settings,
        catalogue=catalogue,
        factors=factors,
        fallbacks=Fallbacks(settings[resilience.FALLBACKS], catalogue, resilience.FALLBACKS.name),
        engine=Engine(
            (*registry.observers, *([till] if till else ())),
            settings[resilience.MAX_RETRIES],
            breakers,
            queue,
            budgets,
        ),
        door=_door(settings, registry, issued),
        edge=Edge(registry.profiles),
        health=_health(settings, registry, toolbox, breakers),
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
        store=registry.store,
        keys=issued,
        access_log=access_log,
        till=till,
        budgets=budgets,
        fetcher=_fetcher(settings),
        runs=_runs(settings, registry, price),
        limiter=_limiter(settings, siblings),
        places=queue,
    )
    _at_home(gateway, siblings)
    tell(hearing.looking, partial(standing, gateway, breakers))
    return gateway


def _limiter(settings: Settings, siblings: Siblings | None) -> Limiter:
    local = limiter_of(settings)
    return local if siblings is None else SharedLimiter(local, siblings)


def _toolbox(
    settings: Settings, registry: Registry, hearing: Hearing, following: Following
) -> Toolbox:
    told = partial(tell, hearing.tools)
    toolbox = toolbox_of(settings, registry.tool_servers, registry.store, told)
    if following:
        toolbox.follow = following.tool
    return toolbox


def _issued(registry: Registry) -> IssuedKeys | None:
    store = as_key_store(registry.store)
    return None if store is None else IssuedKeys(store)


def _till(registry: Registry) -> Till | None:
    store = as_usage_store(registry.store)
    return None if store is None else Till(store)


def _budgets(registry: Registry, bounds: Bounds, hearing: Hearing) -> Budgets | None:
    store = as_budget_store(registry.store)
    return None if store is None else Budgets(store, bounds, partial(tell, hearing.budgets))


def _door(settings: Settings, registry: Registry, issued: IssuedKeys | None) -> Door:
    authenticators = (*([issued] if issued else ()), *registry.authenticators)
    return Door(_rules(settings), authenticators, _throttle(settings))


def _at_home(gateway: Gateway, siblings: Siblings | None) -> None:
    """Add what depends on who lives where: all that is made here is at home here."""
    settings = gateway.settings
    most = share_of(settings[tool_settings.MCP_SESSIONS], settings)
    idle = settings[tool_settings.MCP_IDLE]
    if siblings is None:
        gateway.mcp_sessions = Sessions(most, idle)
    else:
        gateway.siblings, gateway.ids = siblings, siblings.ids
        gateway.mcp_sessions = Sessions(most, idle, siblings.ids.mcp_session)
    if gateway.runs is not None:
        gateway.deciding = Deciding(gateway.runs, partial(revived, gateway))


def _rules(settings: Settings) -> Rules:
    own_name = socket.gethostname().lower()
    hosts = {own_name, f"{own_name.partition('.')[0]}.local"}
    return Rules(
        settings[names.GATEWAY_AUTH],
        frozenset(hosts | {name.lower() for name in settings[names.ALLOWED_HOSTS]}),
        _bridge(settings[names.PUBLISHED_ON]),
    )


def _health(
    settings: Settings, registry: Registry, toolbox: Toolbox, breakers: Breakers
) -> HealthBoard:
    return HealthBoard(
        registry.health_checks,
        {
            **({"mcp_servers": toolbox.health} if toolbox.servers else {}),
            **{f"{name}_breaker": breakers.of(name).health for name in registry.backends},
        },
        every=settings[HEALTH_SECONDS],
    )


def _throttle(settings: Settings) -> Throttle:
    most, window = peer_settings.WRONG_KEYS, peer_settings.WRONG_KEYS_SECONDS
    return Throttle(share_of(settings[most], settings), settings[window])


def _runs(
    settings: Settings, registry: Registry, price: Callable[[str, Usage], Decimal | None]
) -> Runs | None:
    if registry.store is None:
        return None
    most = share_of(settings[keeping.MAX_LIVE_RUNS], settings)
    return Runs(registry.store, price, Limits(most, settings[keeping.RUN_LOG]))


def _price(catalogue: Catalogue, costs: Costs, model: str, usage: Usage) -> Decimal | None:
    try:
        known = catalogue.resolve(model).model
    except NotFound:  # a run of before, when there was another backend
        return None
    return costs.dollars(known, usage)


def _today() -> date:
    return _day(int(time.time() // DAY))


@lru_cache(maxsize=1)
def _day(since_1970: int) -> date:
    """Return a day in UTC; every turn that is priced asks for today."""
    return FIRST_DAY + timedelta(since_1970)


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


def _bridge(published_on: str) -> str | None:
    """In a container whose port is published on loopback only, its bridge is this machine."""
    if not published_on or not places.is_loopback_address(published_on):
        return None
    try:
        return places.default_gateway(ROUTE_TABLE.read_text("ascii"))
    except OSError:
        return None
