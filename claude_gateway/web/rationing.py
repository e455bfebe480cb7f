"""Requests of callers whose use is limited."""

from __future__ import annotations

import math
from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler

from claude_gateway.access.limiter import Admission, Quota
from claude_gateway.types.permits import Permit
from claude_gateway.web.gateway import GATEWAY, PERMIT, PRINCIPAL, RUN, RouteRule
from claude_gateway.web.siblings import Elsewhere

BYTES_A_TOKEN = 4
NAMES = tuple(
    f"x-ratelimit-{what}-{of}"
    for of in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
)
QUOTAS = web.RequestKey("quotas", Admission)


async def rationed(request: web.Request, handler: Handler, rule: RouteRule) -> web.StreamResponse:
    """Answer unless it is too much. Raises RateLimited, before anything was done or kept."""
    turn = max(1, (request.content_length or 0) // BYTES_A_TOKEN) if rule.turn else None
    admission = await request.app[GATEWAY].limiter.admit(request[PRINCIPAL], turn)
    request[QUOTAS] = admission
    if admission.refusal is not None:
        raise admission.refusal
    if admission.permit is not None:
        request[PERMIT] = admission.permit
    try:
        return await handler(request)
    except Elsewhere:  # the worker that answers counts it
        if admission.withdraw is not None:
            admission.withdraw()
        raise
    finally:
        if admission.permit is not None:
            _used(request, admission.permit)


def _used(request: web.Request, permit: Permit) -> None:
    """A turn that is kept goes on, or is over when its end is stored."""
    run = request.get(RUN)
    if not permit.kept:
        permit.over(run.usage.total_tokens if run is not None else 0)


def quota_headers(admission: Admission) -> Iterator[tuple[str, str]]:
    """Yield where the caller stands, in the words of OpenAI's API; nothing when nothing limits it."""
    yield from _headers("requests", admission.requests)
    yield from _headers("tokens", admission.tokens)


def _headers(of: str, quota: Quota | None) -> Iterator[tuple[str, str]]:
    if quota is not None:
        yield f"x-ratelimit-limit-{of}", str(quota.limit)
        yield f"x-ratelimit-remaining-{of}", str(quota.remaining)
        yield f"x-ratelimit-reset-{of}", f"{math.ceil(quota.reset)}s"
