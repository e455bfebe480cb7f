"""The page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_async.aio import time
from prometheus_client import Histogram
from prometheus_client.exposition import choose_encoder

from claude_gateway import Shared
from claude_gateway_prometheus.merging import together
from claude_gateway_prometheus.meters import Meters


def page_of(meters: Meters) -> Callable[[web.Request, Shared], Awaitable[web.Response]]:
    """Return a handler that shows these meters, in the format that the reader asks for.

    Where there are several workers it shows what all of them have counted, together.
    """
    reading = Histogram("metrics_page_seconds", "Time to write this page", registry=meters.registry)

    @time(reading)
    async def show(request: web.Request, shared: Shared) -> web.Response:
        """Show what was counted, for Prometheus."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(together(shared) if shared.own else meters.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    return show
