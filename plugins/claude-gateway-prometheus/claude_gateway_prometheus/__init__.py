"""Metrics for Prometheus, at /metrics."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from claude_gateway import Observer, Offer, PluginRoute, Setting, Settings, hookimpl
from claude_gateway_prometheus.commands import top

if TYPE_CHECKING:
    from claude_gateway_prometheus.meters import Meters


def flag(raw: str) -> bool:
    """Yes or no."""
    word = raw.strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"wants true or false, not {raw!r}")


METRICS_PUBLIC: Setting[bool] = Setting(
    "METRICS_PUBLIC",
    flag,
    False,
    "Show /metrics to everybody who can reach the gateway. Otherwise Prometheus needs a key, as all "
    "clients do.",
    "Prometheus",
)

ANSWERS = {
    "200": {
        "description": "All meters, in the format that is asked for.",
        "content": {"text/plain": {}},
    }
}


class Plugin:
    """Offers an observer that counts, and the page that shows what it has counted."""

    def __init__(self) -> None:
        self._start: tuple[Settings, Meters] | None = None

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return (METRICS_PUBLIC,)

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Observer]:
            from claude_gateway_prometheus.lag import measured
            from claude_gateway_prometheus.observer import Counting

            meters = self._meters(settings)
            async with measured(meters.loop_lag):
                yield Counting(meters)

        return (Offer("prometheus", opened),)

    @hookimpl
    def register_routes(self, settings: Settings) -> Sequence[Offer[Sequence[PluginRoute]]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Sequence[PluginRoute]]:
            from claude_gateway_prometheus.merging import written
            from claude_gateway_prometheus.page import page_of

            meters, public = self._meters(settings), settings[METRICS_PUBLIC]
            shares = partial(written, meters.registry)
            page, told = page_of(meters), {"responses": ANSWERS}
            yield (PluginRoute("GET", "/metrics", page, public, shares, operation=told),)

        return (Offer("prometheus", opened),)

    @hookimpl
    def register_commands(self) -> Sequence[click.Command]:
        return (top,)

    def _meters(self, settings: Settings) -> Meters:
        """Return the meters of one start, which has settings of its own."""
        from claude_gateway_prometheus.meters import Meters

        if self._start is None or self._start[0] is not settings:
            self._start = (settings, Meters())
        return self._start[1]


plugin = Plugin()
