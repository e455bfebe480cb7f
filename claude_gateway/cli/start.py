"""What every command that needs settings or plugins does first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from urllib.parse import urlsplit

import click

from claude_gateway.cli.environment import environment
from claude_gateway.cli.reach import reachable
from claude_gateway.defaults import Defaults
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.tool_settings import TOOL_PROFILES
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.models import overrides
from claude_gateway.plugins import Plugins, load
from claude_gateway.settings import Setting, Settings

OURS = ("GATEWAY_", "ANTHROPIC_", "MOCK_", "CORS_", "SQLITE_")
READ_BY_COMPOSE = (
    "GATEWAY_PUBLISH",
    "GATEWAY_UID",
    "GATEWAY_GID",
    "GATEWAY_METRICS_KEY_FILE",
)


def load_plugins(variables: Mapping[str, str]) -> Plugins:
    """Load the built-in plugin and whatever is installed and wanted."""
    wanted = Settings.read(variables, (names.PLUGINS_BLOCK, names.PLUGINS_ALLOW))
    return load(
        ("defaults", Defaults()),
        blocked=wanted[names.PLUGINS_BLOCK],
        allowed=wanted[names.PLUGINS_ALLOW],
    )


def known_settings(plugins: Plugins) -> list[Setting[object]]:
    """Every setting of the core and of the plugins. Raises PluginError when two share a name."""
    known: dict[str, Setting[object]] = {}
    owner: dict[str, str] = {}
    for plugin, setting in plugins.ask("register_settings"):
        if not isinstance(setting, Setting):
            raise PluginError(f"{plugins.where(plugin)}: register_settings must return settings")
        if setting.name in known and known[setting.name] is not setting:
            raise PluginError(
                f"{plugins.where(owner[setting.name])} and {plugins.where(plugin)} both have a "
                f"setting {setting.name}"
            )
        known[setting.name], owner[setting.name] = setting, plugin
    return list(known.values())


def prepare(flags: Mapping[str, str | None]) -> tuple[Settings, Plugins]:
    """Read settings and load plugins. Raises SettingsError or PluginError."""
    variables = environment(flags)
    plugins = load_plugins(variables)
    known = known_settings(plugins)
    for remark in strangers(variables, [key.name for key in known]):
        click.echo(f"claude-gateway: {remark}", err=True)
    settings = Settings.read(variables, known)
    check_together(settings)
    overrides.load(settings[names.MODELS_FILE], names.MODELS_FILE.name)
    if settings.given(TOOL_PROFILES):
        from claude_gateway.toolbox import profiles  # noqa: PLC0415  # as in cli.tools

        profiles.load(settings[TOOL_PROFILES], TOOL_PROFILES.name)
    return settings, plugins


def strangers(variables: Mapping[str, str], known: Sequence[str]) -> list[str]:
    """Remark on names that look like settings and are none: a slip of the pen sets nothing."""
    remarks: list[str] = []
    for name in sorted(variables):
        if name in known or name in READ_BY_COMPOSE or not name.startswith(OURS):
            continue
        near = get_close_matches(name, known, 1, 0.8)
        if near or name.startswith("GATEWAY_"):
            hint = f"; did you mean {near[0]}?" if near else ""
            remarks.append(f"{name} is no setting of this gateway{hint}")
    return remarks


def check_together(settings: Settings) -> None:
    """Refuse settings that are dangerous or useless in combination."""
    mistakes = [
        f"{name} leads back to this gateway itself, on port {settings[names.PORT]}: unset it where "
        "the gateway is started, if it was meant for a client"
        for name in _loops(settings)
    ]
    host, mode = settings[names.GATEWAY_HOST], settings[names.GATEWAY_AUTH]
    if mode == "open" and reachable(settings) and not settings[names.GATEWAY_AUTH_FORCE]:
        mistakes.append(
            f"GATEWAY_AUTH=open on {host} would let everybody on the network use your Claude "
            "account: choose local or required, or set GATEWAY_AUTH_OPEN_FORCE=true"
        )
    if mistakes:
        raise SettingsError(mistakes)


def _loops(settings: Settings) -> list[str]:
    """Name the services that are said to be where the gateway itself listens."""
    own = {"localhost", "127.0.0.1", "::1", settings[names.GATEWAY_HOST]}
    found: list[str] = []
    for setting in settings:
        value = settings[setting]
        if setting.name.endswith("_BASE_URL") and isinstance(value, str):
            with suppress(ValueError):  # a port that is none; who connects will say so
                url = urlsplit(value)
                port = url.port or (443 if url.scheme == "https" else 80)
                if url.hostname in own and port == settings[names.PORT]:
                    found.append(setting.name)
    return found
