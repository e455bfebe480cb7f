"""Headers that say what it took to answer, on every response whose head has not been sent yet."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from claude_gateway.web.gateway import RUN

RETRIES = "x-gateway-retries"
FALLBACK = "x-gateway-fallback"
NAMES = (RETRIES, FALLBACK)


def trail(request: web.Request) -> Iterator[tuple[str, str]]:
    """Yield what went otherwise than at the first try; nearly always nothing."""
    run = request.get(RUN)
    if run is None:
        return
    if run.retries:
        yield RETRIES, str(run.retries)
    if run.fallback is not None:
        yield FALLBACK, f"{run.model} -> {run.fallback}"
