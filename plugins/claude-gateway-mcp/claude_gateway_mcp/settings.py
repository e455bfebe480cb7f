"""What an operator can choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from claude_gateway import (
    GATEWAY_DATA_DIR,
    GATEWAY_ENCRYPTION_KEY,
    WORKSPACE_DIR,
    PluginError,
    Setting,
    Settings,
)

SECTION = "External MCP servers"
DEFAULT_NAME = "mcp.json"


def path(raw: str) -> Path:
    """A file; `~` is the home folder."""
    try:
        return Path(raw).expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {raw!r}") from None


def seconds(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of durations in seconds from `low` to `high`."""

    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"wants seconds from {low:g} to {high:g}, not {raw!r}")
        return value

    return parse


CONFIG = Setting(
    "GATEWAY_MCP_CONFIG",
    path,
    Path(),
    "File that says which MCP servers there are (`mcpServers`, as other clients have it). Not set: "
    "mcp.json in the data folder, if there is one. docs/tools.md.",
    SECTION,
    "/path/to/mcp.json",
)
HANDSHAKE_TIMEOUT = Setting(
    "GATEWAY_MCP_START_TIMEOUT",
    seconds(0.1, 600),
    30.0,
    "Seconds in which a server has to start, agree on a protocol and list its tools.",
    SECTION,
)
IDLE = Setting(
    "GATEWAY_MCP_IDLE",
    seconds(0, 604_800),
    0.0,
    "Seconds after which a server that nobody calls is stopped; the next call starts it again. "
    "0: never.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (CONFIG, HANDSHAKE_TIMEOUT, IDLE, GATEWAY_ENCRYPTION_KEY)


def config_file(settings: Settings) -> Path:
    """Return where the configuration is, or would be.

    Raises PluginError for a file in the workspace: what decides about programs that are started
    must not be where tools may write.
    """
    named = settings.given(CONFIG)
    file = settings[CONFIG] if named else settings[GATEWAY_DATA_DIR] / DEFAULT_NAME
    file = file.absolute()
    if file.resolve().is_relative_to(settings[WORKSPACE_DIR].resolve()) and (
        named or file.exists()
    ):
        raise PluginError(
            f"{file} lies in the workspace ({settings[WORKSPACE_DIR]}), where tools may write, and says "
            "which programs are started; keep it somewhere else and set GATEWAY_MCP_CONFIG"
        )
    return file
