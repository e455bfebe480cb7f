"""What every request meets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web

from claude_gateway.access.door import Door
from claude_gateway.access.issued import IssuedKeys
from claude_gateway.access.limiter import Limiter
from claude_gateway.context import Context
from claude_gateway.engine import Engine
from claude_gateway.engine.following import Following
from claude_gateway.engine.hearing import Hearing
from claude_gateway.engine.places import Places
from claude_gateway.ids import Ids
from claude_gateway.loop.limits import Limits as ToolLimits
from claude_gateway.models.catalogue import Catalogue, Resolved
from claude_gateway.models.fallbacks import Fallbacks
from claude_gateway.models.prices import Factors
from claude_gateway.runs import Runs
from claude_gateway.runs.deciding import Deciding
from claude_gateway.runs.live import LiveRun
from claude_gateway.settings import Settings
from claude_gateway.spending.budgets import Budgets
from claude_gateway.spending.till import Till
from claude_gateway.stores import Store
from claude_gateway.toolbox import Toolbox
from claude_gateway.types.permits import Permit
from claude_gateway.types.principals import Principal, Scope
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import Usage
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.deadlines import patience
from claude_gateway.web.fetching import Fetcher
from claude_gateway.web.health_board import HealthBoard
from claude_gateway.web.mcp_server.sessions import Sessions
from claude_gateway.web.pulse import Pulse
from claude_gateway.web.session_count import SessionCount

if TYPE_CHECKING:
    from claude_gateway.web.edge import Edge
    from claude_gateway.web.siblings import Siblings


@dataclass(frozen=True, slots=True)
class RouteRule:
    """How a route is guarded, and how it says that upstream is overloaded.

    `turn` is whether it asks a model for an answer.

    A caller needs one of `scopes`; where there are none, to be known is enough. `foreign_pages` may
    try with a key; where they may not, one that was not named is refused.
    """

    public: bool = False
    scopes: tuple[Scope, ...] = ()
    foreign_pages: bool = True
    overload_status: int = 503
    turn: bool = False


@dataclass(slots=True)
class Gateway:
    """Everything of one start, put together by `create_app` and read by the handlers."""

    settings: Settings
    catalogue: Catalogue
    factors: Factors
    fallbacks: Fallbacks
    engine: Engine
    door: Door
    edge: Edge
    health: HealthBoard
    pulse: Pulse
    cors_origins: tuple[str, ...]
    body_timeout: float
    demo: bool
    backends: tuple[str, ...]
    session_count: SessionCount
    toolbox: Toolbox
    hearing: Hearing
    tool_limits: ToolLimits
    price: Callable[[str, Usage], Decimal | None]
    limiter: Limiter
    places: Places | None = None
    following: Following | None = None
    store: Store | None = None
    keys: IssuedKeys | None = None
    access_log: AccessLog | None = None
    till: Till | None = None
    budgets: Budgets | None = None
    mcp_sessions: Sessions = field(default_factory=Sessions)
    fetcher: Fetcher | None = None
    runs: Runs | None = None
    deciding: Deciding | None = None
    siblings: Siblings | None = None
    ids: Ids = field(default_factory=Ids)
    rules: dict[web.AbstractRoute, RouteRule] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    live: set[asyncio.Task[object] | None] = field(default_factory=set)
    draining: bool = False
    interrupting: bool = False

    def left(self, run: LiveRun) -> None:
        """Somebody stopped watching before the end; the run's policy says what becomes of it."""
        if not run.watchers and run.record.on_disconnect == "cancel" and not self.interrupting:
            run.cancel()


GATEWAY = web.AppKey("gateway", Gateway)
REQUEST_ID = web.RequestKey("request_id", str)
CONTEXT = web.RequestKey("context", Context)
PRINCIPAL = web.RequestKey("principal", Principal)
RUN = web.RequestKey("run", Run)
PERMIT = web.RequestKey("permit", Permit)
RAW = web.RequestKey("raw", bytes)  # a body, while it may have to be passed on to another worker

GUARDED = RouteRule()


def begin_run(request: web.Request, resolved: Resolved, *, stream: bool) -> Run:
    """Open the account of a turn that this request asks for."""
    gateway, started = request.app[GATEWAY], time.monotonic()
    seconds = patience(request, gateway.settings)
    run = Run(
        id=gateway.ids.run(),
        principal=request[PRINCIPAL],
        model=resolved.model.id,
        backend=resolved.backend.name,
        request_id=request[REQUEST_ID],
        stream=stream,
        started=started,
        deadline=None if seconds is None else started + seconds,
        listed=gateway.catalogue.lists(resolved.model.id),
        price=gateway.price,
        permit=request.get(PERMIT),
    )
    request[RUN] = run
    request[CONTEXT].run = run.id
    if gateway.siblings is not None:
        request.pop(RAW, None)  # it is answered here, and must not keep the body alive
    return run
