"""Settings of what is done when upstream fails, or takes long."""

from __future__ import annotations

from claude_gateway.settings import Setting, chains, seconds, whole

SECTION = "When upstream fails"

NO_CHAINS: tuple[tuple[str, tuple[str, ...]], ...] = ()

MAX_RETRIES = Setting(
    "GATEWAY_MAX_RETRIES",
    whole(0, 10),
    2,
    "How often a call that failed before its first byte is tried again.",
    SECTION,
)

BREAKER_FAILURES = Setting(
    "GATEWAY_BREAKER_FAILURES",
    whole(0, 1000),
    5,
    "Failures of upstream in a row after which a backend is left alone for a while. 0: never.",
    SECTION,
)

BREAKER_COOLDOWN = Setting(
    "GATEWAY_BREAKER_COOLDOWN",
    seconds(0.1, 3600),
    10.0,
    "Seconds for which such a backend is left alone; then one call tries it.",
    SECTION,
)

FALLBACKS = Setting(
    "GATEWAY_FALLBACKS",
    chains,
    NO_CHAINS,
    "Models to ask instead when upstream fails before the first byte: model=other,another and so "
    "on, separated by semicolons; * is every model without a chain of its own.",
    SECTION,
    "claude-opus-5-5=claude-sonnet-5-5;*=claude-haiku-5-5",
)

DEADLINE = Setting(
    "GATEWAY_DEADLINE",
    seconds(0, 86_400),
    0.0,
    "Seconds that a whole turn may take, retries included. 0: no limit. A caller can ask for less "
    "with the header x-gateway-timeout.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (
    MAX_RETRIES,
    BREAKER_FAILURES,
    BREAKER_COOLDOWN,
    FALLBACKS,
    DEADLINE,
)
