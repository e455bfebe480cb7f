"""What the gateway says about itself: /, /v1, /health, /readiness."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from aiohttp import web

from claude_gateway.errors import Unavailable
from claude_gateway.version import __version__
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import json_reply

NAME = "claude_gateway"


@Operation(gives="Root")
async def root(_request: web.Request) -> web.StreamResponse:
    """Name, version and where to go from here."""
    links = {"health": "/health", "readiness": "/readiness", "api": "/v1", "models": "/v1/models"}
    return json_reply({"name": NAME, "version": __version__, "links": links})


@Operation(gives="Endpoints")
async def v1(request: web.Request) -> web.StreamResponse:
    """Version and endpoints, from the route table itself."""
    endpoints = sorted(
        f"{route.method} {route.resource.canonical}"
        for route in request.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    )
    return json_reply({"name": NAME, "version": __version__, "endpoints": endpoints})


@Operation(gives="Health", query=("deep",))
async def health(request: web.Request) -> web.StreamResponse:
    """How everything is, from what was last seen: this never waits for a check."""
    gateway = request.app[GATEWAY]
    checks = gateway.health.summary()
    body: dict[str, object] = {
        "status": "healthy" if all(checks.values()) else "degraded",
        "ok": not gateway.draining,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": __version__,
        "checks": checks,
        "uptime_seconds": round(time.monotonic() - gateway.started, 1),
        "active_sessions": gateway.session_count.latest,
        "mode": "demo" if gateway.demo else "live",
    }
    if request.query.get("deep") == "1":
        body["details"] = gateway.health.details()
    return json_reply(body)


@Operation(gives="Readiness")
async def readiness(request: web.Request) -> web.StreamResponse:
    """Whether new requests are welcome."""
    if request.app[GATEWAY].draining:
        raise Unavailable("The gateway is stopping.", code="shutting_down", retry_after=5)
    return json_reply({"ready": True})
