"""The tools that the gateway runs, over HTTP."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask, refused

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

SERVERS, TOOLS, CALL = "/v1/mcp/servers", "/v1/mcp/tools", "/v1/mcp/tools/call"
FILES = "/v1/mcp/servers/mcp_filesystem/tools"
READING = ["file_info", "list_directory", "read_file", "search_files"]
ALL = sorted([*READING, "create_directory", "edit_file", "move_file", "write_file"])


def asked(tool: str, arguments: Mapping[str, object], **fields: object) -> dict[str, object]:
    return {"server": "mcp_filesystem", "tool": tool, "arguments": arguments, **fields}


async def called(caller: Caller, tool: str, _fields: Any = None, **arguments: object) -> Any:
    answer = await caller.ask("POST", CALL, asked(tool, arguments, **(_fields or {})))
    assert answer.status == 200, answer.body
    return answer.json


@pytest.fixture
def somewhere() -> str:
    """A folder of the workspace that nobody else uses."""
    return f"mcp-{uuid4().hex}"


async def test_the_plans_discovery_as_printed(caller: Caller) -> None:
    servers = (await caller.get(SERVERS))["servers"]
    assert "mcp_filesystem" in [server["id"] for server in servers]
    tools = (await caller.get(FILES))["tools"]
    assert "read_file" in [tool["name"] for tool in tools]


async def test_servers_say_what_they_are_and_how_they_are_doing(caller: Caller) -> None:
    listed = await caller.get(SERVERS)
    assert set(listed) == {"servers"}
    (server,) = (s for s in listed["servers"] if s["id"] == "mcp_filesystem")
    assert server == {
        "id": "mcp_filesystem",
        "name": "Filesystem",
        "description": server["description"],
        "status": "available",
        "reason": None,
        "transport": "builtin",
        "tool_count": len(ALL),
        "quarantined": [],
    }
    assert server["description"]


async def test_tools_of_a_server_are_listed_by_their_own_names_and_in_order(caller: Caller) -> None:
    listed = await caller.get(FILES)
    assert set(listed) == {"server_id", "tools"}
    assert listed["server_id"] == "mcp_filesystem"
    assert [tool["name"] for tool in listed["tools"]] == ALL
    for tool in listed["tools"]:
        assert list(tool) == ["name", "title", "description", "input_schema", "annotations"]
        assert tool["title"]
        assert tool["description"]
        assert tool["input_schema"]["type"] == "object"
        assert tool["annotations"]["readOnlyHint"] is (tool["name"] in READING)


async def test_tools_of_all_servers_are_listed_with_their_names_on_the_wire(caller: Caller) -> None:
    tools = (await caller.get(TOOLS))["tools"]
    names = [tool["wire_name"] for tool in tools]
    assert names == sorted(names)
    (read,) = (tool for tool in tools if tool["wire_name"] == "mcp_filesystem__read_file")
    assert (read["server_id"], read["name"]) == ("mcp_filesystem", "read_file")


async def test_a_tool_is_called_and_gives_what_it_gave(caller: Caller, somewhere: str) -> None:
    path = f"{somewhere}/notes.txt"
    wrote = await called(caller, "write_file", path=path, content="Grüße\n")
    assert wrote["structured_content"] == {
        "path": f"/workspace/{path}",
        "size": 8,
        "created": True,
    }
    read = await called(caller, "read_file", path=f"/workspace/{path}")
    assert list(read) == [
        "server",
        "tool",
        "content",
        "structured_content",
        "is_error",
        "duration_ms",
    ]
    assert (read["server"], read["tool"]) == ("mcp_filesystem", "read_file")
    assert read["content"] == [{"type": "text", "text": "Grüße\n"}]
    assert read["is_error"] is False
    assert type(read["duration_ms"]) is int


async def test_a_tool_that_fails_is_an_answer_with_its_reason(caller: Caller) -> None:
    for arguments, why in (
        ({"path": "no/such/file"}, "path is not there."),
        ({"path": "../../etc/passwd"}, "path must not have '..' in it."),
        ({"path": 5}, "path: 5 is not of type 'string'"),
        ({}, "'path' is a required property"),
        ({"path": "a", "else": 1}, "'else' was unexpected"),
    ):
        failed = await called(caller, "read_file", **arguments)
        assert failed["is_error"] is True
        assert why in failed["content"][0]["text"]


async def test_unknown_servers_and_tools_are_not_found(caller: Caller) -> None:
    refused(await caller.ask("GET", "/v1/mcp/servers/ghost/tools"), 404, "not_found")
    body = asked("ghost", {})
    refused(await caller.ask("POST", CALL, body), 404, "not_found")
    refused(await caller.ask("POST", CALL, {**body, "server": "ghost"}), 404, "not_found")
    wire = asked("mcp_filesystem__read_file", {})  # is not the server's own name
    refused(await caller.ask("POST", CALL, wire), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool": "read_file"}, "server"),
        ({"server": "mcp_filesystem"}, "tool"),
        ({**asked("read_file", {}), "server": 5}, "server"),
        ({**asked("read_file", {}), "arguments": []}, "arguments"),
        ({**asked("read_file", {}), "arguments": "{}"}, "arguments"),
        (asked("read_file", {}, session_id="a b"), "session_id"),
        (asked("read_file", {}, project_id=5), "project_id"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    caller: Caller, body: dict[str, object], param: str
) -> None:
    refused(await caller.ask("POST", CALL, body), 400, param=param)


async def test_tools_work_in_the_folder_of_the_project(caller: Caller, somewhere: str) -> None:
    project = await caller.post("/v1/projects", name="App", path=f"/workspace/{somewhere}/app")
    fields = {"project_id": project["id"]}
    await called(caller, "write_file", fields, path="main.py", content="1")
    inside = await called(caller, "read_file", path=f"{somewhere}/app/main.py")
    assert inside["content"][0]["text"] == "1"
    await called(caller, "write_file", path=f"{somewhere}/secret", content="2")
    for path in ("../secret", f"/workspace/{somewhere}/secret", "/workspace/main.py"):
        outside = await called(caller, "read_file", fields, path=path)
        assert outside["is_error"] is True, path
    refused(await caller.ask("POST", CALL, asked("read_file", {}, project_id="none")), 404)


async def test_calls_in_a_session_are_kept(caller: Caller, somewhere: str) -> None:
    session = await caller.post("/v1/sessions", title="S")
    fields = {"session_id": session["id"]}
    await called(caller, "write_file", fields, path=f"{somewhere}/a", content="1")
    await called(caller, "read_file", fields, path=f"{somewhere}/b")
    kept = await caller.get(f"/v1/sessions/{session['id']}/tools")
    assert kept["total"] == 2
    by_name = {execution["tool_name"]: execution for execution in kept["executions"]}
    wrote, read = by_name["write_file"], by_name["read_file"]
    assert (wrote["server"], wrote["tool_type"], wrote["status"]) == (
        "mcp_filesystem",
        "mcp",
        "completed",
    )
    assert wrote["input_params"] == {"path": f"{somewhere}/a", "content": "1"}
    assert wrote["output"]["is_error"] is False
    assert wrote["completed_at"] is not None
    assert (read["status"], read["error_message"]) == ("failed", "path is not there.")
    other = {**fields, "project_id": "none"}
    refused(
        await caller.ask("POST", CALL, asked("read_file", {}, **other)), 400, param="project_id"
    )
    missing = asked("read_file", {}, session_id="none")
    refused(await caller.ask("POST", CALL, missing), 404, "not_found")


async def test_s9_a_session_that_chose_its_tools_has_no_others(caller: Caller) -> None:
    session = await caller.post("/v1/sessions", enabled_tools=["read_file"])
    fields = {"session_id": session["id"]}
    assert (await called(caller, "read_file", fields, path="none"))["is_error"]
    refused(await caller.ask("POST", CALL, asked("write_file", {}, **fields)), 404)
    path = f"/v1/sessions/{session['id']}/tools"
    await caller.ask("PUT", path, {"enabled_tools": None, "enabled_servers": ["other"]})
    refused(await caller.ask("POST", CALL, asked("read_file", {}, **fields)), 404)


async def test_s9_nobody_calls_a_tool_in_somebody_elses_session_or_project(
    caller: Caller, other: Caller
) -> None:
    session = await caller.post("/v1/sessions")
    project = await caller.post("/v1/projects", name="Mine")
    for fields in ({"session_id": session["id"]}, {"project_id": project["id"]}):
        theirs = await other.ask("POST", CALL, asked("list_directory", {}, **fields))
        missing = await other.ask(
            "POST", CALL, asked("list_directory", {}, **dict.fromkeys(fields, "none"))
        )
        assert refused(theirs, 404) == refused(missing, 404)
    assert (await caller.get(f"/v1/sessions/{session['id']}/tools"))["total"] == 0


HOSTILE: tuple[dict[str, object], ...] = (
    {"name": "x", "command": "bash", "args": ["-c", "touch /tmp/pwned"]},
    {"name": "x", "command": "npx", "args": ["-c", "id"]},
    {"name": "x", "command": "python", "env": {"LD_PRELOAD": "/tmp/x.so"}},
    {"name": "x", "url": "http://169.254.169.254/"},
)


@pytest.mark.parametrize("body", HOSTILE)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", SERVERS),
        ("PUT", SERVERS),
        ("PATCH", SERVERS),
        ("POST", FILES),
        ("PUT", "/v1/mcp/servers/x"),
        ("POST", "/v1/mcp/servers/test"),
        ("POST", "/v1/mcp/servers/x/connect"),
        ("POST", TOOLS),
    ],
)
async def test_s4_no_server_is_added_changed_or_tried_over_http(
    gateway: GatewayProcess, caller: Caller, method: str, path: str, body: dict[str, object]
) -> None:
    before = await caller.get(SERVERS)
    answer = await caller.ask(method, path, body)
    assert answer.status in (404, 405)
    refused(answer, answer.status)
    assert await caller.get(SERVERS) == before
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
    assert children.read_text() == ""


async def test_s4_a_call_names_a_server_and_nothing_of_how_it_is_run(caller: Caller) -> None:
    body = asked("list_directory", {}, command="bash", args=["-c", "id"], transport="stdio")
    assert (await caller.ask("POST", CALL, {**body, "server": "bash"})).status == 404


async def test_s6_what_is_outside_stays_outside(gateway: GatewayProcess, caller: Caller) -> None:
    workspace = gateway.folder / "workspace"
    evil = gateway.folder / "workspace-evil"
    evil.mkdir()
    (evil / "secret").write_text("CANARY")
    (workspace / "out").symlink_to(evil)
    (workspace / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(workspace / "pipe")
    try:
        for path in (
            "../workspace-evil/secret",
            "/workspace-evil/secret",
            "/workspace/../workspace-evil/secret",
            f"{evil}/secret",
            "out/secret",
            "out",
            "pipe",
            "%2e%2e/workspace-evil/secret",
            "/proc/self/environ",
            "a\0b",
            "x" * 5000,
        ):
            read = await called(caller, "read_file", path=path)
            assert read["is_error"] is True, path
            assert "CANARY" not in str(read)
            wrote = await called(caller, "write_file", path=f"{path}/new", content="x")
            assert wrote["is_error"] is True or path.startswith("%2e"), path
        assert [file.name for file in evil.iterdir()] == ["secret"]
    finally:
        (workspace / "out").unlink()
        (workspace / "pipe").unlink()
        shutil.rmtree(workspace / "%2e%2e", ignore_errors=True)


async def test_health_counts_the_tool_servers(caller: Caller) -> None:
    health = (await caller.ask("GET", "/health?deep=1")).json
    assert health["checks"]["mcp_servers"] is True
    assert health["details"]["mcp_servers"]["detail"] == "1 servers"


async def test_tools_want_a_key_like_everything_else(gateway: GatewayProcess) -> None:
    for method, path in (("GET", SERVERS), ("GET", FILES), ("GET", TOOLS), ("POST", CALL)):
        body = b"" if method == "GET" else asked("list_directory", {})
        answer = await ask(gateway.port, method, path, body, {"x-api-key": "gw-wrong"})
        refused(answer, 401)


async def test_edits_of_one_file_at_the_same_time_lose_nothing(
    caller: Caller, somewhere: str
) -> None:
    path = f"{somewhere}/list.txt"
    await called(caller, "write_file", path=path, content="".join(f"<{i}>\n" for i in range(20)))
    edits = [[{"old_text": f"<{i}>", "new_text": f"({i})"}] for i in range(20)]
    answers = await asyncio.gather(
        *(called(caller, "edit_file", path=path, edits=edit) for edit in edits)
    )
    assert not [answer for answer in answers if answer["is_error"]]
    read = await called(caller, "read_file", path=path)
    assert read["content"][0]["text"] == "".join(f"({i})\n" for i in range(20))
