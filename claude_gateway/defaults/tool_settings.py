"""The gateway's own settings for tools that it runs."""

from __future__ import annotations

from claude_gateway.settings import Setting, flag, seconds, whole

SECTION = "Tools"

TOOL_TIMEOUT = Setting(
    "GATEWAY_TOOL_TIMEOUT",
    seconds(0.1, 3600),
    60.0,
    "Seconds that one call of a tool may take.",
    SECTION,
)
TOOL_RESULT = Setting(
    "GATEWAY_TOOL_RESULT_BYTES",
    whole(1000, 8 * 2**20),
    100_000,
    "The most bytes of text that a model is given of one tool's result; the rest is left out, which "
    "the model is told. What is kept of a call is whole.",
    SECTION,
)
TOOL_PINS = Setting(
    "GATEWAY_TOOL_PINS",
    flag,
    True,
    "Keep a tool apart when its server describes it otherwise than when it was first seen, until "
    "somebody approves it. false: take it as it is.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (TOOL_TIMEOUT, TOOL_RESULT, TOOL_PINS)
