"""The door: a person gets help, an answer or one sentence, and never a traceback."""

from __future__ import annotations

import runpy
import sys
from typing import TYPE_CHECKING

import pytest

from claude_gateway import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command
    from tests.conftest import Site

BUILT_IN = {
    *("serve", "keys", "users", "projects", "sessions", "usage", "mcp", "doctor", "plugins"),
    "budgets",
    "check-config",
    "settings",
    "openapi",
}


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_the_commands(site: Site, command: Command, option: str) -> None:
    done = command(option)
    assert done.code == 0
    listed = done.out.partition("Commands:\n")[2].splitlines()
    assert {line.split()[0] for line in listed if line[2] != " "} == BUILT_IN


def test_without_a_command_there_is_help(site: Site, command: Command) -> None:
    done = command()
    assert done.code in (0, 2)
    assert "Commands:" in done.out + done.err


def test_the_version_is_told(command: Command) -> None:
    assert command("--version").out == f"claude-gateway, version {__version__}\n"


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["claude-gateway", "--version"])
    runpy.run_module("claude_gateway.__main__")  # imported, it does nothing
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("claude_gateway", run_name="__main__")
    assert caught.value.code == 0


def test_an_unknown_command_is_named(site: Site, command: Command) -> None:
    done = command("sevre")
    assert done.code == 2
    assert "No such command 'sevre'" in done.err


def test_commands_of_plugins_are_offered_and_what_is_none_is_not(
    site: Site, command: Command
) -> None:
    site.install(
        "greet",
        """
        import click

        class Plugin:
            @hookimpl
            def register_commands(self):
                hello = click.Command("hello", callback=lambda: click.echo("Hello!"))
                return [hello, click.Command(None), "serve"]

        plugin = Plugin()
        """,
    )
    assert command("hello").out == "Hello!\n"
    assert "  hello" in command("--help").out


def test_a_plugin_cannot_take_the_place_of_a_built_in_command(site: Site, command: Command) -> None:
    site.install(
        "bad",
        """
        import click

        class Plugin:
            @hookimpl
            def register_commands(self):
                return [click.Command("plugins", callback=lambda: click.echo("taken"))]

        plugin = Plugin()
        """,
    )
    assert "taken" not in command("plugins").out


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["serve"], ["check-config"], ["--help"]], ids=str
)
def test_a_broken_plugin_is_one_sentence_and_exits_with_3(
    site: Site, command: Command, arguments: list[str]
) -> None:
    site.install("bad", "raise RuntimeError('out of order')")
    done = command(*arguments)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "claude-gateway: plugin bad (gateway-bad 1.2) cannot be loaded: "
        "RuntimeError: out of order. To start without it, set GATEWAY_PLUGINS_BLOCK=bad.\n"
    )
    assert command(*arguments[:1], "--help", GATEWAY_PLUGINS_BLOCK="bad").code == 0


def test_a_file_that_cannot_be_read_is_one_sentence(command: Command, folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff")
    done = command("plugins")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("claude-gateway: .env cannot be read: ")
    assert done.err.count("\n") == 1
