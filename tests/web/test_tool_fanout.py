"""Several tools at once, and sets of tools with a name, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_sqlite import plugin as sqlite

from claude_gateway import (
    Offer,
    ServerState,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)
from claude_gateway.errors import SettingsError
from claude_gateway.testing.raw import Connection, refused, request
from tests.web.test_mcp import KEYS

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

FANOUT = "/v1/mcp/tools/fanout"
TEXT: Mapping[str, object] = {"type": "object", "properties": {"text": {"type": "string"}}}


class Site:
    """A tool server that says where it is, and counts how many are in it at once."""

    title, description, transport = "Site", "Searches.", "http"

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside = self.most = 0
        self.full, self.go, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return [
            Tool("search", "Searches.", TEXT),
            Tool("wait", "Waits.", {}),
            Tool(self.name, "", {}),
        ]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        if name == "wait":
            return await self._wait()
        if call.arguments.get("text") == "fail":
            return ToolResult.failed("No luck.")
        return ToolResult.of(f"{self.name}: {call.arguments.get('text')}")

    async def _wait(self) -> ToolResult:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == 2:
            self.full.set()
        try:
            await self.go.wait()
        finally:
            self.inside -= 1
            self.left.set()
        return ToolResult.of("waited")


class Sites:
    """Two of them."""

    def __init__(self) -> None:
        self.east, self.west = Site("east"), Site("west")

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        def offer(site: Site) -> Offer[ToolServer]:
            @asynccontextmanager
            async def opened() -> AsyncGenerator[ToolServer]:
                yield site

            return Offer(site.name, opened)

        return [offer(self.west), offer(self.east)]


def call(server: str, tool: str = "search", **arguments: object) -> dict[str, object]:
    return {"server": server, "tool": tool, "arguments": arguments}


async def fanned(app: App, body: Mapping[str, object], **headers: str) -> Any:
    answer = await app.ask("POST", FANOUT, body, headers)
    assert answer.status == 200, answer.body
    return answer.json


async def test_results_come_in_the_order_of_the_calls_and_one_that_fails_fails_alone(
    serving: Serving, scripted: type[Scripted]
) -> None:
    calls = [
        call("west", text="1"),
        call("east", text="fail"),
        call("ghost"),
        call("east", "ghost"),
        call("east", text=5),
        call("east", text="2"),
    ]
    async with serving(scripted(), Sites(), sqlite) as app:
        found = await fanned(app, {"calls": calls, "concurrency": 1})
        log = (await app.ask("GET", "/v1/mcp/audit")).json["entries"]
    assert list(found) == ["results", "failed", "duration_ms"]
    assert found["failed"] == 4
    first, failed, no_server, no_tool, unfit, last = found["results"]
    assert first == {
        "server": "west",
        "tool": "search",
        "content": [{"type": "text", "text": "west: 1"}],
        "structured_content": None,
        "is_error": False,
        "duration_ms": first["duration_ms"],
    }
    assert (failed["is_error"], failed["content"][0]["text"]) == (True, "No luck.")
    for refusal, server in ((no_server, "ghost"), (no_tool, "east")):
        assert (refusal["server"], refusal["is_error"]) == (server, True)
        assert refusal["error"]["code"] == "not_found"
    assert "not of type 'string'" in unfit["content"][0]["text"]
    assert last["content"][0]["text"] == "east: 2"
    assert sorted(entry["outcome"] for entry in log) == ["completed"] * 2 + ["failed"] * 2


async def test_one_tool_is_called_at_all_servers_that_have_it_or_at_those_that_are_named(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), Sites()) as app:
        body = {"tool": "search", "arguments": {"text": "x"}, "merge": True}
        everywhere = await fanned(app, body)
        named = await fanned(app, {**body, "servers": ["west", "ghost"]})
        only = await fanned(app, {"tool": "east"})
        nowhere = await fanned(app, {"tool": "nothing"})
    assert [result["server"] for result in everywhere["results"]] == ["east", "west"]
    assert [part["text"] for part in everywhere["content"]] == [
        "[east__search]",
        "east: x",
        "[west__search]",
        "west: x",
    ]
    assert [result["is_error"] for result in named["results"]] == [False, True]
    assert [result["server"] for result in only["results"]] == ["east"]
    assert (nowhere["results"], nowhere["failed"]) == ([], 0)


async def test_so_many_are_called_at_a_time(serving: Serving, scripted: type[Scripted]) -> None:
    sites = Sites()
    async with serving(scripted(), sites) as app:
        body = {"calls": [call("east", "wait")] * 7, "concurrency": 2}
        asking = asyncio.ensure_future(fanned(app, body))
        await sites.east.full.wait()
        sites.east.go.set()
        found = await asking
    assert (len(found["results"]), found["failed"], sites.east.most) == (7, 0, 2)


async def test_t24_a_client_who_leaves_ends_all_calls(
    serving: Serving, scripted: type[Scripted]
) -> None:
    sites = Sites()
    async with serving(scripted(), sites) as app:
        async with Connection(app.port) as connection:
            body = {"calls": [call("east", "wait")] * 3, "concurrency": 2}
            await connection.send(request("POST", FANOUT, body))
            await sites.east.full.wait()
        async with asyncio.timeout(1):
            while sites.east.inside:
                await sites.east.left.wait()
                await asyncio.sleep(0)
    assert sites.east.most == 2


async def test_s9_all_calls_are_held_against_the_session_and_the_key_and_are_kept(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted(), Sites(), KEYS, sqlite) as app:
        bob, ada = {"x-api-key": "bob"}, {"x-api-key": "ada"}
        calls = [call("east", text="1"), call("west", text="2")]
        nothing = await fanned(app, {"calls": calls}, **bob)
        everywhere = await fanned(app, {"tool": "search"}, **bob)
        body = {"enabled_servers": ["west"]}
        session = (await app.ask("POST", "/v1/sessions", body, ada)).json["id"]
        some = await fanned(app, {"calls": calls, "session_id": session}, **ada)
        kept = (await app.ask("GET", f"/v1/sessions/{session}/tools", b"", ada)).json
        stolen = await app.ask("POST", FANOUT, {"calls": calls, "session_id": session}, bob)
    assert (nothing["failed"], everywhere["results"]) == (2, [])
    assert [result["is_error"] for result in some["results"]] == [True, False]
    assert [one["server"] for one in kept["executions"]] == ["west"]
    refused(stolen, 404)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "tool"),
        ({"calls": []}, "calls"),
        ({"calls": {}}, "calls"),
        ({"calls": [5]}, "calls[0]"),
        ({"calls": [call("east"), {"server": "east"}]}, "calls[1].tool"),
        ({"calls": [{**call("east"), "arguments": []}]}, "calls[0].arguments"),
        ({"calls": [call("east")] * 51}, "calls"),
        ({"calls": [call("east")], "tool": "search"}, "tool"),
        ({"tool": "search", "servers": "east"}, "servers"),
        ({"tool": "search", "servers": [str(n) for n in range(51)]}, "servers"),
        ({"tool": "search", "concurrency": 0}, "concurrency"),
        ({"tool": "search", "concurrency": 17}, "concurrency"),
        ({"tool": "search", "merge": "yes"}, "merge"),
        ({"tool": "search", "profile": "none"}, "profile"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    serving: Serving, scripted: type[Scripted], body: Mapping[str, object], param: str
) -> None:
    async with serving(scripted(), Sites()) as app:
        refused(await app.ask("POST", FANOUT, body), 400, param=param)


PROFILES = """
[east]
description = "Everything in the east"
servers = ["e*"]

[searching]
tools = ["search"]
"""


async def test_a_profile_narrows_what_is_listed_and_called(
    serving: Serving, scripted: type[Scripted], tmp_path: Path
) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(PROFILES)
    async with serving(scripted(), Sites(), GATEWAY_TOOL_PROFILES=str(file)) as app:
        listed = (await app.ask("GET", "/v1/mcp/profiles")).json
        tools = (await app.ask("GET", "/v1/mcp/tools?profile=east")).json["tools"]
        body = call("west", text="1")
        refused(await app.ask("POST", "/v1/mcp/tools/call", {**body, "profile": "east"}), 404)
        done = await app.ask("POST", "/v1/mcp/tools/call", {**body, "profile": "searching"})
        found = await fanned(app, {"tool": "search", "profile": "east"})
        refused(await app.ask("GET", "/v1/mcp/tools?profile=none"), 400, param="profile")
        assert len((await app.ask("GET", "/v1/mcp/tools?profile=")).json["tools"]) == 6
    east, searching = listed["profiles"]
    assert east == {
        "name": "east",
        "description": "Everything in the east",
        "servers": ["e*"],
        "tools": None,
        "tool_count": 3,
    }
    assert (searching["name"], searching["tool_count"]) == ("searching", 2)
    assert {tool["server_id"] for tool in tools} == {"east"}
    assert done.json["is_error"] is False
    assert [result["server"] for result in found["results"]] == ["east"]


async def test_a_mistake_in_the_file_of_profiles_stops_the_start(
    serving: Serving, scripted: type[Scripted], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"GATEWAY_TOOL_PROFILES: .* cannot be read"):
        async with serving(scripted(), GATEWAY_TOOL_PROFILES=str(tmp_path / "none")):
            pytest.fail("it was served")
