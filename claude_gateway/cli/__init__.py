"""The command line: the door through which a person comes in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module

import click

from claude_gateway.cli.environment import environment
from claude_gateway.cli.groups import together
from claude_gateway.cli.start import load_plugins, prepare
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.settings import Settings
from claude_gateway.version import __version__

# Where each built-in command is. It is loaded when it is asked for: `serve` must not wait for the others.
BUILT_IN: Mapping[str, str] = {
    "serve": "serve:serve",
    "keys": "keys:keys",
    "users": "users:users",
    "budgets": "budgets:budgets",
    "projects": "projects:projects",
    "sessions": "sessions:sessions",
    "usage": "usage:usage",
    "mcp": "mcp:mcp",
    "doctor": "doctor:doctor",
    "plugins": "inspect:plugins",
    "check-config": "inspect:check_config",
    "settings": "inspect:settings_page",
    "openapi": "openapi:openapi",
}


class _Commands(click.Group):
    """The built-in commands, and those of plugins, who are not asked where they cannot add."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = _built_in(cmd_name) if cmd_name in BUILT_IN else None
        if own is not None and not isinstance(own, click.Group):
            return own
        return self._all().get(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._all())

    def _all(self) -> dict[str, click.Command]:
        own = {name: _built_in(name) for name in BUILT_IN}
        return together(own, load_plugins(environment({})))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="claude-gateway")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A self-hosted backend for Claude apps."""
    ctx.obj = (
        _settings  # for commands of plugins; reading them is only worth it where they are used
    )


def main() -> None:
    """Run the command line; a mistake of the user's is one sentence, never a traceback."""
    try:
        cli(prog_name="claude-gateway")
    except SettingsError as exc:
        for mistake in exc.mistakes:
            click.echo(f"claude-gateway: {mistake}.", err=True)
        sys.exit(2)
    except PluginError as exc:
        click.echo(f"claude-gateway: {exc}.", err=True)
        sys.exit(3)


def _settings() -> Settings:
    return prepare({})[0]


def _built_in(name: str) -> click.Command:
    module, _, attribute = BUILT_IN[name].partition(":")
    command = getattr(import_module(f"{__name__}.{module}"), attribute)
    assert isinstance(command, click.Command)  # noqa: S101  # as the table says
    return command
