"""A toolbox as the settings want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from claude_gateway.defaults import tool_settings as names
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox import Audit, Limits, Toolbox, profiles, unheard
from claude_gateway.types.watching import ToolEnd


def toolbox_of(
    settings: Settings,
    servers: Mapping[str, ToolServer],
    store: Store | None,
    tell: Callable[[ToolEnd], None] = unheard,
) -> Toolbox:
    """Put the tools of open servers under one roof.

    The store remembers what they said before, and has the audit log; `tell` is told of each call.
    Raises SettingsError for a mistake in the file of profiles.
    """
    limits = Limits(
        settings[names.TOOL_TIMEOUT],
        settings[names.TOOL_RESULT],
        settings[names.TOOL_PINS],
        settings[names.TOOL_CALLS],
    )
    sets = profiles.load(settings[names.TOOL_PROFILES], names.TOOL_PROFILES.name)
    toolbox = Toolbox(servers, limits, store, _audit(settings, store), sets)
    toolbox.tell = tell
    return toolbox


def _audit(settings: Settings, store: Store | None) -> Audit | None:
    level = settings[names.TOOL_AUDIT]
    return None if store is None or level == "off" else Audit(store, level == "arguments")
