"""Settings of the gateway's health."""

from __future__ import annotations

from claude_gateway.settings import Setting, seconds

HEALTH_SECONDS = Setting(
    "GATEWAY_HEALTH_SECONDS",
    seconds(0.05, 3600),
    30.0,
    "Seconds between two looks of every health check. Asking for /health only shows what was seen last.",
    "Running",
)

ALL: tuple[Setting[object], ...] = (HEALTH_SECONDS,)
