"""Traces and metrics for OpenTelemetry, sent by OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from claude_gateway import Observer, Offer, Setting, Settings, hookimpl
from claude_gateway_otel.settings import ALL, wanted


class Plugin:
    """Offers an observer, when there is somebody to send to. OpenTelemetry is loaded when it is opened."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return ALL

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        if not (what := wanted(settings)):
            return ()

        def opened() -> AbstractAsyncContextManager[Observer]:
            from claude_gateway_otel.exporting import open_observer

            return open_observer(what)

        return (Offer("otel", opened),)


plugin = Plugin()
