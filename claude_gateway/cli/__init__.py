"""The command line: the door through which a person comes in."""

from __future__ import annotations

import sys

import click

from claude_gateway.cli.doctor import doctor
from claude_gateway.cli.environment import environment
from claude_gateway.cli.groups import together
from claude_gateway.cli.inspect import check_config, plugins, settings_page
from claude_gateway.cli.keys import keys
from claude_gateway.cli.mcp import mcp
from claude_gateway.cli.projects import projects
from claude_gateway.cli.serve import serve
from claude_gateway.cli.sessions import sessions
from claude_gateway.cli.start import load_plugins, prepare
from claude_gateway.cli.usage import usage
from claude_gateway.cli.users import users
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.settings import Settings
from claude_gateway.version import __version__


class _Commands(click.Group):
    """The built-in commands, and those of plugins, who are not asked where they cannot add."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None and not isinstance(own, click.Group):
            return own
        return self._all().get(cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._all())

    def _all(self) -> dict[str, click.Command]:
        return together(self.commands, load_plugins(environment({})))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="claude-gateway")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A self-hosted backend for Claude apps."""
    ctx.obj = (
        _settings  # for commands of plugins; reading them is only worth it where they are used
    )


for _command in (
    serve,
    keys,
    users,
    projects,
    sessions,
    usage,
    mcp,
    doctor,
    plugins,
    check_config,
    settings_page,
):
    cli.add_command(_command)


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
