"""`claude-gateway mcp`: tool servers without the gateway, and what plugins add to the group."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Site

SERVERS = """
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import asyncio

class Server:
    title, description, transport = "One", "Answers.", "stdio"

    def __init__(self, state=ServerState()):
        self.now = state

    def state(self):
        return self.now

    async def tools(self):
        text = {"type": "object", "properties": {"text": {"type": "string"}}}
        return [
            Tool("echo", "Says it again.\\nAnd so on.", text),
            Tool("fail", "Fails.", {}),
            Tool("draw", "Draws.", {}),
            Tool("bad", "Is\\x1b[2J bad.", {"type": "string"}),
        ]

    async def call(self, name, call):
        if name == "fail":
            return ToolResult.failed("No luck.")
        if name == "draw":
            return ToolResult([{"type": "audio", "data": "", "mimeType": "audio/wav"}])
        return ToolResult.of(f"{call.arguments.get('text')} {call.principal} {call.project_path}\\x1b[2J")


class Late(Server):
    async def wake(self):
        await asyncio.sleep(0.1)
        self.now = ServerState("error", "it said no")


def opened(server):
    @asynccontextmanager
    async def open_():
        task = asyncio.create_task(server.wake()) if isinstance(server, Late) else None
        yield server
    return open_


class Plugin:
    @hookimpl
    def register_tool_servers(self, settings):
        late = Late(ServerState("starting"))
        return [Offer("one", opened(Server())), Offer("late", opened(late))]


plugin = Plugin()
"""

ADDS = """
import click

class Plugin:
    @hookimpl
    def register_commands(self):
        group = click.Group("mcp", help="Mine.")
        group.command("{name}")(lambda: click.echo("from {name}"))
        return [group]

plugin = Plugin()
"""


@pytest.fixture
def servers(site: Site) -> None:
    """Two tool servers and no store."""
    site.install("servers", SERVERS)


@pytest.mark.usefixtures("servers")
def test_servers_are_listed_with_their_states_tools_and_what_is_kept_apart(
    command: Command,
) -> None:
    done = command("mcp", "list")
    assert (done.code, done.err) == (0, "")
    late, one = done.out.split("\n\n")
    assert late.splitlines()[0] == "late  stdio  error  it said no"
    assert one.splitlines() == [
        "one  stdio  available",
        "    draw  Draws.",
        "    echo  Says it again.",
        "    fail  Fails.",
        "    bad  KEPT APART: has a schema whose type is not object",
    ]


@pytest.mark.usefixtures("servers")
def test_the_list_is_json_for_programs_with_all_that_the_api_says(command: Command) -> None:
    late, one = json.loads(command("mcp", "list", "--json").out)
    assert (late["id"], late["status"], late["reason"]) == ("late", "error", "it said no")
    assert (one["id"], one["tool_count"]) == ("one", 3)
    assert [tool["name"] for tool in one["tools"]] == ["draw", "echo", "fail"]
    assert [apart["name"] for apart in one["quarantined"]] == ["bad"]


@pytest.mark.usefixtures("servers")
def test_a_server_that_starts_too_long_is_not_waited_for(command: Command) -> None:
    late, _ = json.loads(command("mcp", "list", "--json", "--wait", "0").out)
    assert late["status"] == "starting"


def test_without_servers_the_list_says_so(site: Site, command: Command) -> None:
    assert command("mcp", "list").out == "There are no tool servers.\n"
    assert command("mcp", "list", "--json").out == "[]\n"


@pytest.mark.usefixtures("servers")
def test_a_tool_is_called_and_a_terminal_obeys_nothing_that_it_says(command: Command) -> None:
    done = command("mcp", "call", "one", "echo", '{"text": "Hi"}')
    assert (done.code, done.out, done.err) == (0, "Hi owner \ufffd[2J\n", "")
    whole = json.loads(command("mcp", "call", "one", "echo", '{"text": "Hi"}', "--json").out)
    assert (whole["server"], whole["tool"], whole["is_error"]) == ("one", "echo", False)
    assert whole["content"] == [{"type": "text", "text": "Hi owner \x1b[2J"}]
    assert "audio" in command("mcp", "call", "one", "draw").out


@pytest.mark.usefixtures("servers")
def test_arguments_can_come_from_standard_input(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"text": "piped"}'))
    assert command("mcp", "call", "one", "echo", "-").out.startswith("piped owner")


@pytest.mark.usefixtures("servers")
def test_a_tool_that_fails_says_why_and_ends_the_command_with_1(command: Command) -> None:
    done = command("mcp", "call", "one", "fail")
    assert (done.code, done.out, done.err) == (1, "", "No luck.\n")
    done = command("mcp", "call", "one", "echo", '{"text": 5}', "--json")
    assert done.code == 1
    assert json.loads(done.out)["is_error"] is True


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ghost", "echo"), 1, "no tool server called 'ghost'"),
        (("one", "ghost"), 1, "no tool called 'ghost'"),
        (("one", "bad"), 1, "no tool called 'bad'"),
        (("one", "echo", "[]"), 2, "write a JSON object"),
        (("one", "echo", "{"), 2, "they are not JSON"),
        (("one", "echo", "--project", "prj_1"), 1, "there is no store"),
    ],
)
def test_what_cannot_be_called_is_one_sentence(
    command: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = command("mcp", "call", *arguments)
    assert done.code == code
    assert said in done.err


def test_a_tool_works_in_the_folder_of_a_project(command: Command, folder: Path) -> None:
    made = json.loads(command("projects", "create", "App", "--path", "app", "--json").out)
    project = ("--project", made["id"])
    wrote = ("mcp", "call", "mcp_filesystem", "write_file", '{"path":"a","content":"1"}')
    assert command(*wrote, *project).code == 0
    assert command(*wrote).code == 0
    workspace = folder / ".claude-gateway/workspace"
    assert sorted(file.name for file in workspace.rglob("a")) == ["a", "a"]
    assert (workspace / "app/a").read_text() == "1"
    assert "no such project" in command(*wrote, "--project", "none").err


def test_a_plugin_adds_commands_to_the_group(site: Site, command: Command) -> None:
    site.install("adds", ADDS.format(name="add"))
    site.install("logs", ADDS.format(name="login"))
    assert command("mcp", "add").out == "from add\n"
    assert command("mcp", "login").out == "from login\n"
    listed = command("mcp", "--help").out
    assert "Look at tool servers" in listed
    assert {"add", "call", "list", "login"} <= set(listed.partition("Commands:")[2].split())


def test_a_plugin_cannot_take_the_place_of_a_subcommand(site: Site, command: Command) -> None:
    site.install("bad", ADDS.format(name="list"))
    done = command("mcp", "list")
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "claude-gateway: plugin bad (gateway-bad 1.2) offers the command `mcp list`, which is "
        "there already. To start without it, set GATEWAY_PLUGINS_BLOCK=bad.\n"
    )
    assert command("mcp", "list", GATEWAY_PLUGINS_BLOCK="bad").code == 0


def test_two_plugins_share_a_group_of_their_own(site: Site, command: Command) -> None:
    site.install("adds", ADDS.format(name="add").replace('"mcp"', '"farm"'))
    site.install("logs", ADDS.format(name="login").replace('"mcp"', '"farm"'))
    assert command("farm", "add").out == "from add\n"
    assert command("farm", "login").out == "from login\n"


WRITE = ("mcp", "call", "mcp_filesystem", "write_file")


def test_calls_are_in_the_audit_log_also_those_of_the_command_line(command: Command) -> None:
    command(*WRITE, '{"path":"a","content":"1"}')
    command(*WRITE, "{}", "--owner", "key_2")
    heads, second, first = command("mcp", "audit").out.splitlines()
    assert heads.split()[:5] == ["at", "principal", "server", "tool", "outcome"]
    assert second.split()[1:5] == ["key_2", "mcp_filesystem", "write_file", "failed"]
    assert first.split()[1:5] == ["owner", "mcp_filesystem", "write_file", "completed"]
    assert len(command("mcp", "audit", "--owner", "key_2").out.splitlines()) == 2
    assert len(command("mcp", "audit", "--outcome", "completed").out.splitlines()) == 2
    assert len(command("mcp", "audit", "--until", "2020-01-01").out.splitlines()) == 1
    done = command("mcp", "audit", "--since", "yesterday")
    assert (done.code, "since must be a time such as" in done.err) == (1, True)


def test_the_audit_log_is_exported_to_a_file_or_to_standard_output(
    command: Command, folder: Path
) -> None:
    settings = {"GATEWAY_TOOL_AUDIT": "arguments"}
    for content in "12":
        command(*WRITE, f'{{"path":"a","content":"{content}"}}', **settings)
    whole = json.loads(command("mcp", "audit", "--export", "json").out)
    assert [entry["arguments"]["content"] for entry in whole] == ["2", "1"]
    assert command("mcp", "audit", "--export", "csv", "--output", "audit.csv").out == ""
    assert (folder / "audit.csv").read_text().startswith("number,at,principal,")
    lines = command("mcp", "audit", "--export", "jsonl", "--tool", "none").out
    assert lines == ""
    assert command("mcp", "audit", "--export", "json", "--tool", "none").out == "[]\n"
    done = command("mcp", "audit", "--export", "csv", "--output", "no/such/folder")
    assert (done.code, "cannot be written" in done.err) == (1, True)


def test_a_mistake_in_the_file_of_profiles_is_told_by_check_config(
    command: Command, folder: Path
) -> None:
    (folder / "profiles.toml").write_text("[a]\nserver = ['x']\n")
    done = command("check-config", GATEWAY_TOOL_PROFILES="profiles.toml")
    assert (done.code, "[a]: knows no server" in done.err) == (2, True)
