"""Calls of tools over HTTP, seen from the inside: who leaves, what fails, what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import (
    Authenticator,
    Credential,
    Offer,
    Principal,
    ServerState,
    Settings,
    StorageFull,
    Store,
    Tool,
    ToolCall,
    ToolExecution,
    ToolResult,
    ToolServer,
    hookimpl,
)
from claude_gateway.testing.raw import Connection, refused, request

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

CALL = "/v1/mcp/tools/call"
WAIT: Mapping[str, object] = {"server": "door", "tool": "wait"}


class Door:
    """A tool server whose tool waits until somebody opens the door."""

    title, description, transport = "Door", "Waits.", "stdio"

    def __init__(self, state: ServerState | None = None) -> None:
        self._state = state or ServerState()
        self.opened, self.knocked, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.calls: list[ToolCall] = []

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield self

        return [Offer("door", opened)]

    def state(self) -> ServerState:
        return self._state

    async def tools(self) -> Sequence[Tool]:
        return [Tool("wait", "Waits.", {}), Tool("bad", "Is bad.", {"type": "string"})]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        self.knocked.set()
        try:
            await self.opened.wait()
        finally:
            self.left.set()
        return ToolResult.of("Come in.")


async def session_of(app: App) -> Any:
    return (await app.ask("POST", "/v1/sessions", {"title": "S"})).json["id"]


async def executions(app: App, session_id: str) -> Any:
    return (await app.ask("GET", f"/v1/sessions/{session_id}/tools")).json["executions"]


async def test_s16_a_tool_is_told_who_asks_and_where_but_no_key(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door, sqlite) as app:
        project = await app.ask("POST", "/v1/projects", {"name": "P"})
        body = {**WAIT, "project_id": project.json["id"], "arguments": {"a": [1, None]}}
        answer = await app.ask("POST", CALL, body, {"x-api-key": "sk-ant-api03-visitor"})
    assert answer.json["content"] == [{"type": "text", "text": "Come in."}]
    (call,) = door.calls
    assert (call.arguments, call.principal) == ({"a": [1, None]}, "owner")
    assert (call.project_id, call.project_path, call.run_id) == (project.json["id"], "", None)
    assert call.id.startswith("exe_")
    assert "sk-ant" not in repr(call)


async def test_t24_a_client_who_leaves_ends_the_call_and_it_is_kept(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door()
    async with serving(scripted(), door, sqlite) as app:
        id_ = await session_of(app)
        async with Connection(app.port) as connection:
            await connection.send(request("POST", CALL, {**WAIT, "session_id": id_}))
            await door.knocked.wait()
            (running,) = await executions(app, id_)
            assert (running["status"], running["completed_at"]) == ("running", None)
        async with asyncio.timeout(1):
            await door.left.wait()
        async with asyncio.timeout(5):
            while (ended := (await executions(app, id_))[0])["status"] == "running":
                pass
    assert (ended["status"], ended["id"]) == ("failed", running["id"])
    assert "stopped before it ended" in ended["error_message"]


async def test_a_call_that_cannot_be_kept_is_not_made(
    serving: Serving, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door()
    async with serving(scripted(), door, sqlite) as app:
        id_ = await session_of(app)
        failing(app, monkeypatch, after=0)
        answer = await app.ask("POST", CALL, {**WAIT, "session_id": id_})
        refused(answer, 507, "storage_full")
    assert door.calls == []


async def test_a_call_that_was_made_is_answered_although_its_end_cannot_be_kept(
    serving: Serving,
    scripted: type[Scripted],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door, sqlite) as app:
        id_ = await session_of(app)
        failing(app, monkeypatch, after=1)
        answer = await app.ask("POST", CALL, {**WAIT, "session_id": id_})
        assert answer.json["is_error"] is False
    assert "the end of a tool's execution was not kept" in caplog.text


def failing(app: App, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let the disk be full after so many executions."""
    store: Store | None = app.gateway.store
    assert store is not None
    real = store.add_tool_executions
    kept: list[ToolExecution] = []

    async def add(owner: str, new: Sequence[ToolExecution]) -> None:
        if len(kept) >= after:
            raise StorageFull("There is no room.")
        kept.extend(new)
        await real(owner, new)

    monkeypatch.setattr(store, "add_tool_executions", add)


class Keys:
    """An authenticator with keys by name."""

    def __init__(self, **callers: Principal) -> None:
        self._callers = callers

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Authenticator]:
            yield self

        return [Offer("keys", opened)]

    async def authenticate(self, credential: Credential) -> Principal | None:
        known = self._callers.items()
        return next((who for key, who in known if credential.secret.matches(key)), None)


KEYS = Keys(
    ada=Principal("ada", "Ada"),
    bob=Principal("bob", "Bob", tool_servers=frozenset({"other"})),
    eve=Principal("eve", "Eve", tools=frozenset({"other"})),
    mia=Principal("mia", "Mia", tool_servers=frozenset({"door"}), tools=frozenset({"door__wait"})),
)


@pytest.mark.parametrize(
    ("key", "servers", "tools"),
    [("ada", 1, 1), ("bob", 0, 0), ("eve", 1, 0), ("mia", 1, 1)],
)
async def test_s9_a_key_sees_and_calls_its_own_choice_of_tools_only(
    serving: Serving, scripted: type[Scripted], key: str, servers: int, tools: int
) -> None:
    door, headers = Door(), {"x-api-key": key}
    door.opened.set()
    async with serving(scripted(), door, KEYS, sqlite) as app:
        listed = (await app.ask("GET", "/v1/mcp/servers", b"", headers)).json["servers"]
        every = (await app.ask("GET", "/v1/mcp/tools", b"", headers)).json["tools"]
        of_one = await app.ask("GET", "/v1/mcp/servers/door/tools", b"", headers)
        session = (await app.ask("POST", "/v1/sessions", {"tools": None}, headers)).json["id"]
        calls = [
            await app.ask("POST", CALL, body, headers)
            for body in (WAIT, {**WAIT, "session_id": session})
        ]
        made = (await app.ask("GET", f"/v1/sessions/{session}/tools", b"", headers)).json["total"]
    assert [server["tool_count"] for server in listed] == [tools] * servers
    assert [tool["name"] for tool in every] == ["wait"] * tools
    if servers:
        assert len(of_one.json["tools"]) == tools
    else:
        refused(of_one, 404)
    assert [answer.status for answer in calls] == [200 if tools else 404] * 2
    assert (len(door.calls), made) == (2 * tools, tools)


async def test_a_server_that_does_not_work_is_listed_with_its_reason_and_stops_nothing(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door(ServerState("error", "no program called x, key sk-ant-api03-CANARY"))
    async with serving(scripted(), door) as app:
        (server,) = (await app.ask("GET", "/v1/mcp/servers")).json["servers"]
        health = (await app.ask("GET", "/health?deep=1")).json
        assert (await app.ask("GET", "/v1/models")).status == 200
    assert (server["status"], server["transport"]) == ("error", "stdio")
    assert server["reason"] == "no program called x, key sk-***"
    assert server["quarantined"] == [
        {"name": "bad", "reason": "has a schema whose type is not object"}
    ]
    assert (health["status"], health["checks"]["mcp_servers"]) == ("degraded", False)
    assert health["details"]["mcp_servers"]["detail"].startswith("door: no program called x")


async def test_without_a_store_tools_work_in_the_workspace_only(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door()
    door.opened.set()
    async with serving(scripted(), door, GATEWAY_STORE="none") as app:
        assert (await app.ask("POST", CALL, WAIT)).json["is_error"] is False
        for field in ("session_id", "project_id"):
            refused(await app.ask("POST", CALL, {**WAIT, field: "x"}), 503, "no_store")
    assert [call.project_path for call in door.calls] == [""]


async def test_without_tool_servers_the_lists_are_empty_and_health_is_good(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted()) as app:
        assert (await app.ask("GET", "/v1/mcp/servers")).json == {"servers": []}
        assert (await app.ask("GET", "/v1/mcp/tools")).json == {"tools": []}
        health = (await app.ask("GET", "/health?deep=1")).json
    assert health["checks"]["mcp_servers"] is True
    assert health["details"]["mcp_servers"]["detail"] == "not configured"


async def test_one_call_too_many_is_refused_with_when_to_come_again(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door = Door()
    async with serving(scripted(), door, sqlite, GATEWAY_TOOL_CALLS_AT_ONCE="1") as app:
        id_ = await session_of(app)
        async with Connection(app.port) as connection:
            await connection.send(request("POST", CALL, WAIT))
            await door.knocked.wait()
            answer = await app.ask("POST", CALL, {**WAIT, "session_id": id_})
            refused(answer, 429, "too_many_tool_calls")
            assert answer.header("retry-after") == "1"
            door.opened.set()
            await connection.response()
        assert (await app.ask("POST", CALL, WAIT)).status == 200
        (kept,) = await executions(app, id_)
        log = (await app.ask("GET", "/v1/mcp/audit")).json["entries"]
    assert (kept["status"], len(door.calls)) == ("failed", 2)
    assert sorted(entry["outcome"] for entry in log) == ["completed", "completed", "refused"]
    assert {entry["server"] for entry in log} == {"door"}
