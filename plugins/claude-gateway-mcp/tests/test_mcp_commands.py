"""The command line: servers are added, removed and tried."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_mcp.commands import mcp
from claude_gateway_mcp.settings import ALL
from click.testing import CliRunner, Result

from claude_gateway import GATEWAY_DATA_DIR, WORKSPACE_DIR, Settings
from claude_gateway.cli import cli

if TYPE_CHECKING:
    from tests.conftest import Tiny


class Shell:
    """Runs commands against a folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "data/mcp.json"
        self._variables = {
            "GATEWAY_DATA_DIR": str(folder / "data"),
            "WORKSPACE_DIR": str(folder / "workspace"),
            "GATEWAY_MCP_START_TIMEOUT": "15",
        }

    def run(self, *words: str) -> Result:
        settings = Settings.read(self._variables, (GATEWAY_DATA_DIR, WORKSPACE_DIR, *ALL))
        return CliRunner().invoke(mcp, words, obj=lambda: settings)

    def done(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output or result.exception
        return result.output

    def refused(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code != 0, result.output
        return result.output + str(result.exception)

    def servers(self) -> Any:
        return json.loads(self.file.read_text())["mcpServers"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_commands_are_part_of_the_gateways_own_group() -> None:
    told = CliRunner().invoke(cli, ["mcp", "--help"]).output
    for name in ("add", "remove", "test", "list"):
        assert f"\n  {name} " in told


def test_a_program_is_added(shell: Shell) -> None:
    said = shell.done(
        *("add", "git", "--env", "A=b=c", "--cwd", "x", "--timeout", "5"),
        *("--", "uvx", "mcp-server-git", "-v", "--env", "no"),
    )
    assert "claude-gateway mcp test 'git'" in said
    assert shell.servers() == {
        "git": {
            "command": "uvx",
            "args": ["mcp-server-git", "-v", "--env", "no"],
            "env": {"A": "b=c"},
            "cwd": "x",
            "timeout": 5,
        }
    }


def test_an_address_is_added(shell: Shell) -> None:
    said = shell.done(
        *("add", "docs", "--url", "https://x/mcp", "--header", "Authorization: Bearer ${TOKEN}"),
        *("--header", "X-A:b", "--type", "http"),
    )
    assert "asks for the variable TOKEN, which is not set" in said
    headers = {"Authorization": "Bearer ${TOKEN}", "X-A": "b"}
    assert shell.servers() == {"docs": {"url": "https://x/mcp", "type": "http", "headers": headers}}


def test_only_its_owner_may_read_the_file(shell: Shell) -> None:
    shell.done("add", "a", "--", "x")
    assert stat.S_IMODE(shell.file.stat().st_mode) == 0o600
    shell.file.chmod(0o644)
    shell.done("add", "b", "--", "x")
    assert stat.S_IMODE(shell.file.stat().st_mode) == 0o600
    assert list(shell.file.parent.iterdir()) == [shell.file]


def test_what_nobody_asked_to_change_stays(shell: Shell) -> None:
    shell.file.parent.mkdir()
    before = {"other": [1.5, "é"], "mcpServers": {"a": {"command": "x", "gallery": True}}}
    shell.file.write_text(json.dumps(before))
    shell.done("add", "b", "--", "y")
    after = json.loads(shell.file.read_text())
    assert after == {**before, "mcpServers": {**shell.servers(), "b": {"command": "y"}}}
    assert after["mcpServers"]["a"] == {"command": "x", "gallery": True}
    shell.done("remove", "b")
    assert json.loads(shell.file.read_text()) == before


def test_a_link_to_the_file_stays_a_link(shell: Shell, tmp_path: Path) -> None:
    shell.file.parent.mkdir()
    shell.file.symlink_to(tmp_path / "kept.json")
    shell.done("add", "a", "--", "x")
    assert shell.file.is_symlink()
    assert "mcpServers" in (tmp_path / "kept.json").read_text()


def test_a_name_that_is_there_is_only_replaced_by_force(shell: Shell) -> None:
    shell.done("add", "a", "--", "x")
    assert "--force" in shell.refused("add", "a", "--", "y")
    assert shell.servers()["a"] == {"command": "x"}
    shell.done("add", "a", "--force", "--", "y")
    assert shell.servers()["a"] == {"command": "y"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "a"], "either a command, behind --, or a --url"),
        (["add", "a", "--url", "http://x", "--", "y"], "either a command"),
        (["add", "a", "--url", "ftp://x"], "url wants an address"),
        (["add", "a", "--url", "http://x", "--header", "nothing"], "--header wants NAME:VALUE"),
        (["add", "a", "--env", "nothing", "--", "x"], "--env wants NAME=VALUE"),
        (["add", "a", "--env", "GATEWAY_X=1", "--", "x"], "env.GATEWAY_X is the gateway's own"),
        (["add", "a", "--timeout", "0", "--", "x"], "timeout wants seconds"),
        (["add", " ", "--", "x"], "a name that can be read"),
        (["remove", "a"], "has no server 'a'; there are: none"),
        (["test"], "there are no servers in"),
    ],
)
def test_mistakes_are_named_and_change_nothing(shell: Shell, words: list[str], reason: str) -> None:
    assert reason in shell.refused(*words)
    assert not shell.file.exists()


def test_a_file_that_is_broken_is_not_replaced(shell: Shell) -> None:
    shell.file.parent.mkdir()
    shell.file.write_text("{")
    assert "is not JSON" in shell.refused("add", "a", "--", "x")
    assert shell.file.read_text() == "{"


def test_servers_are_tried(shell: Shell, tiny: Tiny) -> None:
    servers = {
        "tiny": tiny(),
        "gone": {"command": "no-such-program-ever"},
        "off": {"command": "x", "disabled": True},
    }
    shell.file.parent.mkdir()
    shell.file.write_text(json.dumps({"mcpServers": servers}))
    result = shell.run("test")
    assert result.exit_code == 1
    assert "tiny  stdio  available  tiny 1.0\n    10 tools: echo, environment" in result.output
    assert "'no-such-program-ever' was not found on the PATH; install it" in result.output
    assert "off  stdio  disabled" in result.output
    assert "10 tools" in shell.done("test", "tiny")
    assert "no server 'missing'; there are: tiny, gone, off" in shell.refused("test", "missing")


def test_trying_shows_what_a_program_said_when_it_ended(shell: Shell, tiny: Tiny) -> None:
    shell.file.parent.mkdir()
    shell.file.write_text(json.dumps({"mcpServers": {"tiny": tiny("fails")}}))
    assert "and said: there is no such database" in shell.refused("test")
    entry = {"command": sys.executable, "args": ["-c", "print('\\033[31mred', file=2)"]}
    shell.file.write_text(json.dumps({"mcpServers": {"red": entry}}))
    assert "\033" not in shell.refused("test")
