"""The file that says which servers there are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from claude_gateway_mcp import plugin
from claude_gateway_mcp.configuration import read_servers
from claude_gateway_mcp.settings import ALL
from claude_gateway_mcp.specs import Address, Program, Spec

from claude_gateway import GATEWAY_DATA_DIR, WORKSPACE_DIR, PluginError, Settings

VARIABLES = {
    "HOME": "/home/ada",
    "PATH": "/bin",
    "TOKEN": "CANARY-token",
    "EMPTY": "",
    "ANTHROPIC_API_KEY": "sk-ant-CANARY",
    "GATEWAY_API_KEYS": "gw-CANARY",
}


def read(tmp_path: Path, servers: object, variables: Mapping[str, str] = VARIABLES) -> list[Spec]:
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": servers}))
    return list(read_servers(file, variables, needed=True))


def one(tmp_path: Path, **entry: object) -> Spec:
    (spec,) = read(tmp_path, {"thing": entry})
    return spec


def program(tmp_path: Path, **entry: object) -> Program:
    spec = one(tmp_path, **{"command": "x", **entry})
    assert isinstance(spec.where, Program), spec.mistake
    return spec.where


def address(tmp_path: Path, **entry: object) -> Address:
    spec = one(tmp_path, **{"url": "http://localhost/mcp", **entry})
    assert isinstance(spec.where, Address), spec.mistake
    return spec.where


# --- what may be said


def test_a_program_is_read(tmp_path: Path) -> None:
    said = program(
        tmp_path, command="npx", args=["-y", "${TOKEN}"], env={"A": "b", "N": 1}, cwd="sub"
    )
    assert (said.command, said.arguments) == ("npx", ("-y", "CANARY-token"))
    assert said.environment == {"HOME": "/home/ada", "PATH": "/bin", "A": "b", "N": "1"}
    assert said.folder == tmp_path / "sub"
    assert program(tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    ("kind", "transport"),
    [("http", "http"), ("streamable-http", "http"), ("streamableHttp", "http"), ("sse", "sse")],
)
def test_an_address_is_read(tmp_path: Path, kind: str, transport: str) -> None:
    said = address(tmp_path, type=kind, headers={"Authorization": "Bearer ${TOKEN}"})
    assert (said.transport, said.headers) == (transport, {"Authorization": "Bearer CANARY-token"})
    assert address(tmp_path).transport == "auto"
    assert address(tmp_path, transport=kind).transport == transport


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("${TOKEN}", "CANARY-token"),
        ("${env:TOKEN}", "CANARY-token"),
        ("a ${TOKEN} b ${TOKEN}", "a CANARY-token b CANARY-token"),
        ("${MISSING:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${MISSING:-}", ""),
        ("${TOKEN:-other}", "CANARY-token"),
        ("$TOKEN {TOKEN} $${", "$TOKEN {TOKEN} $${"),
    ],
)
def test_placeholders_are_filled_in(tmp_path: Path, said: str, meant: str) -> None:
    assert program(tmp_path, args=[said]).arguments == (meant,)
    assert program(tmp_path, env={"V": said}).environment["V"] == meant


def test_tools_are_chosen_by_name_or_pattern(tmp_path: Path) -> None:
    rules = one(
        tmp_path, command="x", allowedTools=["read_*", "write"], deniedTools=["read_secret"]
    ).rules
    offered = [
        name for name in ("read_file", "read_secret", "write", "writer") if rules.offers(name)
    ]
    assert offered == ["read_file", "write"]
    assert one(tmp_path, command="x").rules.offers("anything")
    assert not one(tmp_path, command="x", allowedTools=[]).rules.offers("anything")


def test_approvals_are_for_one_tool_a_pattern_or_the_server(tmp_path: Path) -> None:
    said = {"delete_*": "always", "delete_draft": "never"}
    rules = one(tmp_path, command="x", approval="ask", toolApproval=said).rules
    assert [rules.approval_of(n) for n in ("read", "delete_all", "delete_draft")] == [
        *("ask", "always", "never")
    ]
    assert one(tmp_path, command="x").rules.approval_of("read") == "never"


@pytest.mark.parametrize("field", ["autoApprove", "alwaysAllow"])
def test_lists_of_other_clients_ask_for_what_they_do_not_name(tmp_path: Path, field: str) -> None:
    rules = one(tmp_path, command="x", **{field: ["read"]}).rules
    assert (rules.approval_of("read"), rules.approval_of("write")) == ("never", "ask")
    rules = one(tmp_path, command="x", approval="always", **{field: ["read"]}).rules
    assert (rules.approval_of("read"), rules.approval_of("write")) == ("never", "always")


def test_a_server_is_disabled_and_nothing_else_of_it_is_asked_for(tmp_path: Path) -> None:
    assert one(tmp_path, command="x", disabled=True).disabled
    assert one(tmp_path, url="${MISSING}", enabled=False).disabled
    assert not one(tmp_path, command="x", disabled=False).disabled


def test_ids_are_the_names_of_the_file_wherever_they_will_do(tmp_path: Path) -> None:
    names = ["git", "My Server", "My-Server", "mcp__x", "日本", "x" * 80]
    ids = {
        spec.name: spec.id for spec in read(tmp_path, {name: {"command": "x"} for name in names})
    }
    assert ids["git"] == "git"
    assert ids["My-Server"] == "My-Server"
    assert ids["My Server"].startswith("My-Server-")
    assert ids["日本"].startswith("server-")
    assert len(ids["x" * 80]) <= 64
    assert len(set(ids.values())) == len(names)
    again = read(tmp_path, {name: {"command": "x"} for name in reversed(names)})
    assert {spec.name: spec.id for spec in again} == ids


# --- mistakes


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        ({}, "command is missing, and so is url"),
        ({"command": ""}, "command is missing, and so is url"),
        ({"command": 5}, "command wants a text, not a number"),
        ({"command": "a", "url": "http://x"}, "command and url are both there"),
        ({"command": "a", "args": "b"}, "args wants a list of texts, not a text"),
        ({"command": "a", "args": ["b", None]}, "args[1] wants a text, not null"),
        ({"command": "a", "env": ["b"]}, "env wants an object of texts, not a list"),
        ({"command": "a", "env": {"B": {}}}, "env.B wants a text, not an object"),
        ({"command": "a", "env": {"B=C": ""}}, "env has a name that no variable can have"),
        ({"command": "a", "env": {"GATEWAY_X": "1"}}, "env.GATEWAY_X is the gateway's own"),
        ({"command": "a\0"}, "command has a NUL byte"),
        ({"command": "a", "type": "http"}, "type is http, which wants a url"),
        ({"type": "stdio"}, "command is missing"),
        ({"type": "http"}, "url is missing"),
        ({"type": "websocket", "url": "http://x"}, "type wants one of stdio, http"),
        ({"url": "ftp://x"}, "url wants an address such as"),
        ({"url": "http://x:99999"}, "url wants an address such as"),
        ({"url": "${MISSING}"}, "url asks for the variable MISSING, which is not set"),
        ({"url": "http://x", "headers": {"a b": "c"}}, "headers has a name that no header"),
        ({"url": "http://x", "headers": {"a": "b\r\nc: d"}}, "headers.a has characters"),
        (
            {"url": "http://x", "headers": {"a": "${EMPTY}"}},
            "headers.a asks for the variable EMPTY",
        ),
        ({"command": "a", "args": ["${input:key}"]}, "args[0] has a placeholder that is neither"),
        ({"command": "a", "timeout": 0}, "timeout wants seconds, more than 0 and at most 3600"),
        ({"command": "a", "timeout": 60_000}, "timeout wants seconds, more than 0 and at most"),
        ({"command": "a", "timeout": True}, "timeout wants seconds"),
        ({"command": "a", "approval": "sometimes"}, "approval wants one of never, ask, always"),
        ({"command": "a", "toolApproval": {"x": 1}}, "toolApproval.x wants one of never, ask"),
        ({"command": "a", "disabled": "yes"}, "disabled wants true or false, not a text"),
        ({"command": "a", "allowdTools": ["x"]}, "allowdTools is no field; did you mean allowed"),
        ([], "its entry is no object"),
    ],
)
def test_a_mistake_names_its_field_and_stops_no_other_server(
    tmp_path: Path, entry: Any, mistake: str
) -> None:
    wrong, right = read(tmp_path, {"wrong": entry, "right": {"command": "x"}})
    assert wrong.mistake.startswith(mistake)
    assert wrong.where is None
    assert right.mistake == ""


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "GATEWAY_API_KEYS"])
def test_s16_no_placeholder_hands_out_what_is_the_gateways(tmp_path: Path, name: str) -> None:
    for entry in ({"command": "a", "env": {"K": f"${{{name}}}"}}, {"url": f"http://${{{name}}}"}):
        spec = one(tmp_path, **entry)
        assert f"asks for ${{{name}}}, which is the gateway's own" in spec.mistake
        assert "CANARY" not in spec.mistake


def test_s11_secrets_are_not_in_what_is_shown(tmp_path: Path) -> None:
    spec = one(
        tmp_path,
        url="https://user:CANARY-pass@host/mcp?key=CANARY-query",
        headers={"Authorization": "Bearer ${TOKEN}", "X-Key": "CANARY-header"},
    )
    assert isinstance(spec.where, Address)
    assert spec.where.shown == "https://host/mcp"
    for canary in ("CANARY-pass", "CANARY-query", "CANARY-token", "CANARY-header"):
        assert spec.hide(f"said {canary}") == "said ***"
        assert canary not in repr(spec)
    spec = one(tmp_path, command="x", args=["${TOKEN}"], env={"K": "CANARY-env"})
    assert spec.hide("CANARY-env CANARY-token /bin") == "*** *** /bin"


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        ("[]", "wants an object"),
        ('{"servers": {}}', "mcpServers is missing"),
        ('{"mcpServers": []}', "mcpServers is no object"),
        (b"\xff", "it is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_start(
    tmp_path: Path, content: str | bytes, mistake: str
) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PluginError) as stop:
        read_servers(file, {}, needed=False)
    assert mistake in str(stop.value)
    assert str(file) in str(stop.value)


# --- where it is


def settings(tmp_path: Path, **variables: str) -> Settings:
    given = {
        "GATEWAY_DATA_DIR": str(tmp_path / "data"),
        "WORKSPACE_DIR": str(tmp_path / "workspace"),
        **variables,
    }
    return Settings.read(given, (GATEWAY_DATA_DIR, WORKSPACE_DIR, *ALL))


def put(file: Path) -> Path:
    file.parent.mkdir(parents=True)
    file.write_text('{"mcpServers": {"a": {"command": "x"}, "b": {"url": "http://x"}}}')
    return file


def test_without_a_file_there_are_no_servers(tmp_path: Path) -> None:
    assert plugin.register_tool_servers(settings(tmp_path)) == []


def test_a_file_in_the_data_folder_is_found_by_itself(tmp_path: Path) -> None:
    put(tmp_path / "data/mcp.json")
    offers = plugin.register_tool_servers(settings(tmp_path))
    assert [offer.name for offer in offers] == ["a", "b"]


def test_a_file_is_named(tmp_path: Path) -> None:
    put(tmp_path / "data/mcp.json").write_text("{")
    named = put(tmp_path / "elsewhere/servers.json")
    offers = plugin.register_tool_servers(settings(tmp_path, GATEWAY_MCP_CONFIG=str(named)))
    assert [offer.name for offer in offers] == ["a", "b"]


def test_a_named_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing.json")
    with pytest.raises(
        PluginError, match=r"GATEWAY_MCP_CONFIG names .*nothing\.json, which is not"
    ):
        plugin.register_tool_servers(settings(tmp_path, GATEWAY_MCP_CONFIG=missing))


def test_s4_no_file_in_the_workspace_says_what_is_started(tmp_path: Path) -> None:
    inside = put(tmp_path / "workspace/project/.mcp.json")
    link = tmp_path / "link.json"
    link.symlink_to(inside)
    for file in (inside, link):
        with pytest.raises(PluginError, match="lies in the workspace"):
            plugin.register_tool_servers(settings(tmp_path, GATEWAY_MCP_CONFIG=str(file)))
    around = settings(tmp_path, WORKSPACE_DIR=str(tmp_path))
    assert plugin.register_tool_servers(around) == []
    put(tmp_path / "data/mcp.json")
    with pytest.raises(PluginError, match="lies in the workspace"):
        plugin.register_tool_servers(around)


def test_listing_servers_imports_no_sdk(tmp_path: Path) -> None:
    file = put(tmp_path / "data/mcp.json")
    program = (
        "import sys\nfrom claude_gateway_mcp import plugin\n"
        "from claude_gateway_mcp.configuration import read_servers\nfrom pathlib import Path\n"
        f"read_servers(Path({str(file)!r}), {{}}, needed=True)\n\n"
        "sys.exit('mcp' in sys.modules or 'httpx2' in sys.modules or 'cryptography' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
