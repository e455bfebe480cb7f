"""Commands of the core and of plugins together: groups of one name become one group."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import click

from claude_gateway.errors import PluginError
from claude_gateway.plugins import Plugins, cure


def together(own: Mapping[str, click.Command], plugins: Plugins) -> dict[str, click.Command]:
    """Return all commands by name; what is no command, or stands in a built-in one's place, is not.

    Raises PluginError for a subcommand that is there already.
    """
    found = dict(own)
    for plugin, offered in plugins.ask("register_commands"):
        if not isinstance(offered, click.Command) or not offered.name:
            continue
        there = found.get(offered.name)
        if isinstance(there, click.Group) and isinstance(offered, click.Group):
            found[offered.name] = _joined(there, offered, plugin, plugins)
        elif offered.name not in own:
            found[offered.name] = offered
    return found


def _joined(there: click.Group, more: click.Group, plugin: str, plugins: Plugins) -> click.Group:
    """Return a group with the subcommands of both; the first one's help stays."""
    for name in sorted(there.commands.keys() & more.commands.keys()):
        raise PluginError(
            f"{plugins.where(plugin)} offers the command `{there.name} {name}`, which is there "
            f"already. {cure(plugin)}"
        )
    joined = copy(there)
    joined.commands = {**there.commands, **more.commands}
    return joined
