"""Turns with more tools than a model is told of: it finds them, and calls what it has found."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import Block, text, tool_use
from tests.wire.tool_turns import (
    GATE,
    MESSAGES,
    chat,
    frames,
    get,
    installed,
    messages,
    results,
    said,
    turns,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO = ["gateway__call_tools", "gateway__search_tools"]
ASKED_ABOUT = ["gate__careful", "gate__guarded"]  # what a person is asked about is never hidden


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowded(
    fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """A gateway that tells a model of nine tools at most; it has more."""
    folder: Path = tmp_path_factory.mktemp("crowded")
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY-upstream",
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
        "GATEWAY_TOOL_SEARCH_ABOVE": "9",
        **installed(folder),
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


def searching(query: str) -> Block:
    return tool_use("gateway__search_tools", json.dumps({"query": query}), id="toolu_search")


def calls(*made: tuple[str, dict[str, object]], id_: str = "toolu_call") -> Block:
    asked = [{"name": name, "arguments": arguments} for name, arguments in made]
    return tool_use("gateway__call_tools", json.dumps({"calls": asked}), id=id_)


def offered(received: Any) -> list[str]:
    return [tool["name"] for tool in received.json.get("tools", ())]


@pytest.mark.parametrize("session", [None, "crowded"])
async def test_a_model_finds_a_tool_and_calls_it_with_tools_that_stay_the_same(
    crowded: GatewayProcess, upstream: FakeAnthropic, session: str | None
) -> None:
    found = calls(("gate__echo", {"name": "x"}), ("gate__fail", {}), ("gate__ghost", {}))
    upstream.script(
        answering(searching("echo"), stop_reason="tool_use"),
        answering(found, stop_reason="tool_use"),
        answering(text("Done.")),
    )
    where = {} if session is None else {"session_id": session}
    answer = await chat(crowded, mcp={}, stream=True, **where)
    assert said(answer.body) == "Done."
    asked = await turns(upstream, 3)
    assert [offered(turn) for turn in asked] == [[*TWO, *ASKED_ABOUT]] * 3
    assert asked[0].json["tools"] == asked[2].json["tools"]
    (searched,) = results(asked[1])
    first = json.loads(searched["content"][0]["text"])[0]
    assert (first["name"], first["input_schema"]["type"]) == ("gate__echo", "object")
    (called,) = results(asked[2])
    assert [block["text"] for block in called["content"]] == [
        "[gate__echo]",
        "x in . for owner",
        "[gate__fail failed]",
        "It cannot be done.",
        "[gate__ghost failed]",
        "There is no such tool here; search for it.",
    ]
    assert messages(asked[2])[1][1] == [searching("echo").whole]
    log = (await get(crowded, "/v1/mcp/audit?limit=2"))["entries"]
    made = {(one["tool"], one["outcome"], one["session_id"]) for one in log}
    assert made == {("echo", "completed", session), ("fail", "failed", session)}
    if session is not None:
        kept = (await get(crowded, f"/v1/sessions/{session}/tools"))["executions"]
        assert {(one["tool_name"], one["status"]) for one in kept} == {
            ("echo", "completed"),
            ("fail", "failed"),
        }


async def test_so_few_are_told_as_they_are(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    await chat(crowded, mcp=GATE)
    forced = {"type": "function", "function": {"name": "gate__echo"}}
    await chat(crowded, mcp={}, tool_choice=forced, model="claude-haiku-4-5")
    few, named = await turns(upstream, 2)
    names = ("careful", "echo", "fail", "guarded", "long", "meet", "report", "wait")
    assert offered(few) == [f"gate__{name}" for name in names]
    assert len(offered(named)) > 9
    assert named.json["tool_choice"]["name"] == "gate__echo"


async def test_s12_a_search_is_no_way_around_a_persons_approval(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calls(("gate__careful", {"name": "around"})), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    await chat(crowded, mcp={}, session_id="around")
    _, second = await turns(upstream, 2)
    (result,) = results(second)
    assert "needs a person's approval" in result["content"][1]["text"]
    assert not (crowded.folder / "workspace/around.lines").exists()


async def test_where_a_person_is_asked_about_everything_nothing_is_hidden(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    await chat(crowded, mcp={"approval": "ask"}, session_id="everything")
    (only,) = await turns(upstream, 1)
    assert len(offered(only)) > 9
    assert not set(TWO) & set(offered(only))


async def test_s9_what_a_turn_may_not_use_is_neither_found_nor_called(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(searching("wait echo"), stop_reason="tool_use"),
        answering(calls(("gate__echo", {"name": "x"})), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    every = (await get(crowded, "/v1/mcp/tools"))["tools"]
    allowed = [tool["wire_name"] for tool in every if tool["name"] != "echo"]
    assert len(allowed) > 9
    await chat(crowded, mcp={"enabled_tools": allowed})
    _, second, third = await turns(upstream, 3)
    names = [tool["name"] for tool in json.loads(results(second)[0]["content"][0]["text"])]
    assert names[0] == "gate__wait"
    assert "gate__echo" not in names
    (result,) = results(third)
    assert result["is_error"] is True
    assert "There is no such tool here" in result["content"][1]["text"]


async def test_native_clients_see_one_answer(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(searching("echo"), stop_reason="tool_use"),
        answering(calls(("gate__echo", {"name": "x"})), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    body = {
        "model": "sonnet",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Go"}],
        "mcp": {},
    }
    answer = await ask(crowded.port, "POST", MESSAGES, body)
    assert answer.json["content"] == [{"type": "text", "text": "Done."}]
    assert [offered(turn) for turn in await turns(upstream, 3)] == [[*TWO, *ASKED_ABOUT]] * 3


async def test_a_client_that_asks_for_it_sees_what_is_searched_and_called(
    crowded: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calls(("gate__echo", {"name": "x"})), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    answer = await chat(crowded, mcp={}, stream=True, stream_options={"include_events": True})
    beside = [frame for frame in frames(answer.body) if frame["object"] == "tool_use"]
    (seen,) = beside
    assert (seen["name"], seen["server"], seen["tool"]) == (
        "gateway__call_tools",
        "gateway",
        "call_tools",
    )
