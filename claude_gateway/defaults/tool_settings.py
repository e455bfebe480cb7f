"""The gateway's own settings for tools that it runs."""

from __future__ import annotations

from pathlib import Path

from claude_gateway.settings import Setting, flag, one_of, path, seconds, whole

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
TOOL_CALLS = Setting(
    "GATEWAY_TOOL_CALLS_AT_ONCE",
    whole(1, 100_000),
    64,
    "Calls of tools that one caller may have under way; one more is refused.",
    SECTION,
)
TOOL_PROFILES = Setting(
    "GATEWAY_TOOL_PROFILES",
    path,
    Path(),
    "Sets of tools with a name, in TOML, which requests may ask for. docs/tools.md describes it.",
    SECTION,
    "/path/to/profiles.toml",
)
TOOL_PINS = Setting(
    "GATEWAY_TOOL_PINS",
    flag,
    True,
    "Keep a tool apart when its server describes it otherwise than when it was first seen, until "
    "somebody approves it. false: take it as it is.",
    SECTION,
)
TOOL_AUDIT = Setting(
    "GATEWAY_TOOL_AUDIT",
    one_of("hash", "arguments", "off"),
    "hash",
    "The audit log of calls of tools, in the store. hash: arguments as a SHA-256, and whole only where a "
    "session or request has audit_log. arguments: always whole, without keys. off: no audit log.",
    SECTION,
)
TOOL_AUDIT_DAYS = Setting(
    "GATEWAY_TOOL_AUDIT_DAYS",
    whole(0, 36_500),
    90,
    "Days after which an entry of the audit log is forgotten. 0: never.",
    SECTION,
)
MCP_SESSIONS = Setting(
    "GATEWAY_MCP_SESSIONS",
    whole(1, 10_000),
    100,
    "How many sessions at /mcp one caller may have; one more takes the place of the one that was used "
    "longest ago. Clients of the newest protocol need none.",
    SECTION,
)
MCP_IDLE = Setting(
    "GATEWAY_MCP_SESSION_IDLE",
    seconds(1, 86_400),
    3600.0,
    "Seconds after which a session at /mcp that nobody uses is forgotten; its client begins a new one.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (
    TOOL_TIMEOUT,
    TOOL_RESULT,
    TOOL_CALLS,
    TOOL_PROFILES,
    TOOL_PINS,
    TOOL_AUDIT,
    TOOL_AUDIT_DAYS,
    MCP_SESSIONS,
    MCP_IDLE,
)
