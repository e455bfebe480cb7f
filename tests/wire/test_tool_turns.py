"""Turns in which the gateway runs what the model calls: model, tools, model."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Received, Stream
from claude_gateway.testing.raw import ask, chat_body, refused
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import stream as streamed
from claude_gateway.testing.wire import text, thinking, tool_use
from tests.wire.tool_turns import (
    CLIENTS,
    GATE,
    calling,
    chat,
    frames,
    get,
    history,
    messages,
    results,
    said,
    turns,
    workspace,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMS = pytest.mark.parametrize("stream", [False, True])


def beside(body: bytes) -> list[dict[str, Any]]:
    """The frames of a stream that are no chunks of the answer."""
    return [frame for frame in frames(body) if frame["object"] != "chat.completion.chunk"]


def content(answer: Any, *, stream: bool) -> str:
    assert answer.status == 200, answer.body
    return said(answer.body) if stream else str(answer.json["choices"][0]["message"]["content"])


@STREAMS
async def test_t35_the_model_is_asked_again_with_what_the_tool_gave(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    call = tool_use("mcp_filesystem__read_file", '{"path": "poem.txt"}')
    upstream.script(
        answering(text("Let me look."), call, stop_reason="tool_use"), answering(text(" A fox."))
    )
    (workspace(tooled) / "poem.txt").write_text("The fox sleeps.")
    mcp = {"enabled_tools": ["read_file"]}
    answer = await chat(tooled, "What is in it?", mcp=mcp, stream=stream)
    assert content(answer, stream=stream) == "Let me look. A fox."
    first, second = await turns(upstream, 2)
    assert [tool["name"] for tool in first.json["tools"]] == ["mcp_filesystem__read_file"]
    assert "mcp" not in first.json
    assert second.json["tools"] == first.json["tools"]
    assert messages(second) == [
        ("user", "What is in it?"),
        ("assistant", [text("Let me look.").whole, call.whole]),
        (
            "user",
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01",
                    "content": [{"type": "text", "text": "The fox sleeps."}],
                }
            ],
        ),
    ]


@STREAMS
async def test_a_client_is_not_asked_to_run_what_the_gateway_runs(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    answer = await chat(tooled, mcp=GATE, stream=stream)
    assert content(answer, stream=stream) == "Done."
    assert b"tool_calls" not in answer.body
    assert b"gate__echo" not in answer.body
    assert b'"finish_reason":"stop"' in answer.body


@STREAMS
async def test_the_official_client_reads_a_turn_with_tools(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(
        answering(text("One."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(text("Two.")),
    )
    async with openai.AsyncOpenAI(
        api_key="gw-CANARY-client", base_url=f"{tooled.url}/v1", max_retries=0
    ) as client:
        asked: Any = {
            "model": "sonnet",
            "messages": [{"role": "user", "content": "Go"}],
            "extra_body": {"mcp": GATE},
        }
        if stream:
            asked["stream_options"] = {"include_events": True, "include_usage": True}
            chunks = await client.chat.completions.create(**asked, stream=True)
            words = [c.choices[0].delta.content or "" async for c in chunks if c.choices]
            assert "".join(words) == "One.Two."
        else:
            whole = await client.chat.completions.create(**asked)
            assert whole.choices[0].message.content == "One.Two."
            assert whole.choices[0].message.tool_calls is None
            assert whole.usage is not None
            assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (20, 10)


async def test_nothing_is_offered_unless_it_is_asked_for(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    asked: list[dict[str, Any]] = [{}, {"mcp": None}, {"mcp": {"enabled_servers": []}}]
    for fields in (*asked, {"session_id": "quiet"}):
        await chat(tooled, **fields)
    for turn in await turns(upstream, 4):
        assert "tools" not in turn.json


async def test_s9_a_turn_has_what_request_and_session_both_choose(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    await chat(tooled, session_id="chosen")
    path = "/v1/sessions/chosen/tools"
    choice = {"enabled_tools": ["echo", "wait", "read_file"]}
    assert (await ask(tooled.port, "POST", path, choice)).status == 200
    await chat(tooled, session_id="chosen")
    await chat(tooled, session_id="chosen", mcp={"enabled_servers": ["gate"]})
    await chat(tooled, session_id="chosen", mcp={})
    await chat(
        tooled,
        session_id="chosen",
        mcp={"enabled_servers": ["gate"], "enabled_tools": ["echo", "meet"]},
    )
    names = [[tool["name"] for tool in turn.json.get("tools", ())] for turn in upstream.turns]
    every = ["gate__echo", "gate__wait", "mcp_filesystem__read_file"]
    assert names == [[], every, every[:2], every, every[:1]]


@pytest.mark.parametrize(
    ("mcp", "param"),
    [
        ([], "mcp"),
        ({"enabled_servers": "gate"}, "mcp.enabled_servers"),
        ({"enabled_servers": [5]}, "mcp.enabled_servers[0]"),
        ({"enabled_servers": ["gate", "ghost"]}, "mcp.enabled_servers[1]"),
        ({"enabled_tools": ["echo", "ghost"]}, "mcp.enabled_tools[1]"),
        ({"enabled_tools": {}}, "mcp.enabled_tools"),
        ({"audit_log": "yes"}, "mcp.audit_log"),
        ({"approval": "sometimes"}, "mcp.approval"),
        ({"approval": True}, "mcp.approval"),
    ],
)
async def test_what_is_wrong_with_a_choice_of_tools_is_named(
    tooled: GatewayProcess, upstream: FakeAnthropic, mcp: object, param: str
) -> None:
    refused(await chat(tooled, mcp=mcp), 400, param=param)
    refused(await chat(tooled, mcp=mcp, session_id="bad"), 400, param=param)
    assert not upstream.turns


async def test_calls_of_one_round_run_side_by_side_and_answer_in_their_order(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(
            calling("meet", "toolu_1", name="Ada"),
            calling("fail", "toolu_2"),
            calling("meet", "toolu_3", name="Bob"),  # each waits for the other
            stop_reason="tool_use",
        ),
        answering(text("Both.")),
    )
    assert content(await chat(tooled, mcp=GATE), stream=False) == "Both."
    given = results((await turns(upstream, 2))[1])
    assert [block["tool_use_id"] for block in given] == ["toolu_1", "toolu_2", "toolu_3"]
    assert [block["content"][0]["text"] for block in given] == [
        "Ada met",
        "It cannot be done.",
        "Bob met",
    ]
    assert [block.get("is_error") for block in given] == [None, True, None]


async def test_t35_a_forced_choice_holds_for_the_first_round_only(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    called = answering(calling("echo", name="a"), stop_reason="tool_use")
    for choice in ("required", {"type": "function", "function": {"name": "gate__echo"}}):
        upstream.reset()
        upstream.script(called, answering(text("Done.")))
        await chat(
            tooled,
            model="claude-haiku-4-5",
            mcp=GATE,
            tool_choice=choice,
            parallel_tool_calls=False,
        )
        first, second = await turns(upstream, 2)
        assert first.json["tool_choice"]["type"] in ("any", "tool")
        assert second.json["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


@STREAMS
async def test_t35_a_turn_that_never_ends_is_brought_to_its_end(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    rounds = [
        answering(calling("echo", f"toolu_{n}", name=str(n)), stop_reason="tool_use")
        for n in range(4)
    ]
    upstream.script(*rounds, answering(text("That is all.")))
    answer = await chat(tooled, mcp=GATE, stream=stream, session_id=f"endless-{stream}")
    assert content(answer, stream=stream) == "That is all."
    *before, last = await turns(upstream, 5)
    assert all("tool_choice" not in turn.json for turn in before)
    assert last.json["tool_choice"] == {"type": "none"}
    assert last.json["tools"] == before[0].json["tools"]


@STREAMS
async def test_t35_a_model_that_will_not_stop_leaves_no_call_behind(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    rounds = [
        answering(calling("echo", f"toolu_{n}", name=str(n)), stop_reason="tool_use")
        for n in range(5)
    ]
    session = f"stubborn-{stream}"
    upstream.script(*rounds, answering(text("Well.")))
    answer = await chat(tooled, mcp=GATE, stream=stream, session_id=session)
    assert content(answer, stream=stream) in ("", "None")
    assert b'"finish_reason":"stop"' in answer.body
    assert len(upstream.turns) == 5
    kept = await history(tooled, session)
    assert [m["role"] for m in kept] == ["user", *["assistant", "user"] * 5]
    await chat(tooled, "And now?", session_id=session)
    told = messages(upstream.turns[-1])
    assert told[-1][1][0]["is_error"] is True
    assert told[-1][1][-1] == {"type": "text", "text": "And now?"}


async def test_t35_the_same_call_again_and_again_is_refused_and_ends_the_turn(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    same = [
        answering(
            calling("echo", f"toolu_{n}a", name="a"),
            calling("echo", f"toolu_{n}b", name="a"),
            stop_reason="tool_use",
        )
        for n in range(2)
    ]
    upstream.script(*same, answering(text("Enough.")))
    assert content(await chat(tooled, mcp=GATE), stream=False) == "Enough."
    last = (await turns(upstream, 3))[2]
    assert last.json["tool_choice"] == {"type": "none"}
    third, fourth = results(last)
    assert "is_error" not in third
    assert fourth["is_error"] is True
    assert "more than 3 times" in fourth["content"][0]["text"]


async def test_a_clients_own_tool_of_the_same_name_wins(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    function: dict[str, object] = {"name": "gate__echo", "parameters": {"type": "object"}}
    upstream.script(answering(calling("echo", name="a"), stop_reason="tool_use"))
    tools = [{"type": "function", "function": function}]
    answer = await chat(tooled, mcp={"enabled_tools": ["echo", "meet"]}, tools=tools)
    assert answer.header("x-gateway-left-out-tools") == "gate__echo"
    (call,) = answer.json["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "gate__echo", "arguments": '{"name": "a"}'}
    (first,) = await turns(upstream, 1)
    assert [tool["name"] for tool in first.json["tools"]] == ["gate__echo", "gate__meet"]


async def test_a_clients_tools_may_have_any_name_beside_the_gateways(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    def odd_call(received: Received) -> Stream:
        odd = received.json["tools"][0]["name"]
        assert odd != "look.at"
        return Stream(streamed(tool_use(odd, "{}"), stop_reason="tool_use"))

    upstream.script(answering(calling("echo", name="a"), stop_reason="tool_use"), odd_call)
    tools = [{"type": "function", "function": {"name": "look.at"}}]
    answer = await chat(tooled, mcp=GATE, tools=tools)
    assert answer.status == 200, answer.body
    (call,) = answer.json["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "look.at"


@STREAMS
async def test_a_turn_that_calls_a_clients_tool_too_is_the_clients_to_go_on_with(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    session = f"mixed-{stream}"
    mixed = [calling("echo", "toolu_g", name="a"), tool_use("look", "{}", id="toolu_c")]
    upstream.script(
        answering(thinking("Both."), text("See."), *mixed, stop_reason="tool_use"),
        answering(text("Done.")),
    )
    ours: dict[str, Any] = {"mcp": GATE, "tools": [CLIENTS], "session_id": session}
    answer = await chat(tooled, stream=stream, **ours)
    assert b"toolu_c" in answer.body
    assert b"toolu_g" not in answer.body
    assert b'"finish_reason":"tool_calls"' in answer.body
    brought = [{"role": "tool", "tool_call_id": "toolu_c", "content": "seen"}]
    again = await chat(tooled, brought, stream=stream, **ours)
    assert content(again, stream=stream) == "Done."
    first, second = await turns(upstream, 2)
    assert second.json["tools"] == first.json["tools"]
    (asked, said_, heard) = messages(second)
    assert asked == ("user", "Go")
    assert said_[1] == [thinking("Both.").whole, text("See.").whole, *(c.whole for c in mixed)]
    assert [block["tool_use_id"] for block in heard[1]] == ["toolu_g", "toolu_c"]
    assert heard[1][0]["content"][0]["text"].startswith("a in ")
    assert heard[1][1]["content"] in ("seen", [{"type": "text", "text": "seen"}])


async def test_without_a_session_the_gateways_calls_beside_a_clients_are_not_made(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(
            calling("wait", "toolu_g", name="never"),
            tool_use("look", "{}", id="toolu_c"),
            stop_reason="tool_use",
        ),
        answering(calling("echo", "toolu_g2", name="a"), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    answer = await chat(tooled, mcp=GATE, tools=[CLIENTS])
    said_ = answer.json["choices"][0]["message"]
    assert [call["id"] for call in said_["tool_calls"]] == ["toolu_c"]
    assert not (workspace(tooled) / "never.here").exists()
    whole = [
        {"role": "user", "content": "Go"},
        said_,
        {"role": "tool", "tool_call_id": "toolu_c", "content": "seen"},
    ]
    again = await chat(tooled, whole, mcp=GATE, tools=[CLIENTS])
    assert content(again, stream=False) == "Done."
    assert [block["tool_use_id"] for block in results(upstream.turns[1])] == ["toolu_c"]


@STREAMS
async def test_t05_a_session_keeps_every_round_exactly(
    tooled: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    session = f"rounds-{stream}"
    first = [thinking("Hm.", signature="c2ln"), text("One."), calling("echo", name="a")]
    upstream.script(
        answering(*first, stop_reason="tool_use"),
        answering(thinking("", signature="bW9yZQ=="), text("Two.")),
        answering(text("Three.")),
    )
    answer = await chat(tooled, mcp=GATE, stream=stream, session_id=session)
    assert content(answer, stream=stream) == "One.Two."
    await chat(tooled, "More", mcp=GATE, stream=stream, session_id=session)
    _, second, third = await turns(upstream, 3)
    told = messages(third)
    assert told[:3] == messages(second)
    assert told[3] == ("assistant", [thinking("", signature="bW9yZQ==").whole, text("Two.").whole])
    assert told[4] == ("user", "More")
    assert third.json["tools"] == second.json["tools"]
    kept = await get(tooled, f"/v1/sessions/{session}/tools")
    (execution,) = kept["executions"]
    assert (execution["tool_name"], execution["status"]) == ("echo", "completed")
    assert execution["input_params"] == {"name": "a"}
    listed = await history(tooled, session)
    assert [m["role"] for m in listed] == ["user", "assistant"] * 3
    about = await get(tooled, f"/v1/sessions/{session}")
    assert about["total_tokens"] == 45


async def test_a_client_that_sends_its_whole_history_does_not_undo_the_rounds(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(text("One."), calling("echo", name="a"), stop_reason="tool_use"),
        answering(text("Two.")),
        answering(text("Three.")),
    )
    told: list[dict[str, object]] = [{"role": "user", "content": "Go"}]
    answer = await chat(tooled, told, mcp=GATE, session_id="whole-rounds")
    told += [answer.json["choices"][0]["message"], {"role": "user", "content": "More"}]
    await chat(tooled, told, mcp=GATE, session_id="whole-rounds")
    _, second, third = await turns(upstream, 3)
    assert messages(third)[:3] == messages(second)
    assert [role for role, _ in messages(third)] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert len(await history(tooled, "whole-rounds")) == 6


async def test_a_huge_result_is_cut_for_the_model_and_kept_whole(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(calling("long"), stop_reason="tool_use"), answering(text("Long.")))
    await chat(tooled, mcp=GATE, session_id="huge")
    (given,) = results((await turns(upstream, 2))[1])
    assert len(given["content"][0]["text"]) == 100_000
    assert "200000 more bytes are left out" in given["content"][1]["text"]
    (execution,) = (await get(tooled, "/v1/sessions/huge/tools"))["executions"]
    assert len(execution["output"]["content"][0]["text"]) == 300_000


async def test_a_client_that_asks_for_it_sees_what_the_gateway_does(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), calling("fail", "toolu_02"), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    answer = await chat(
        tooled,
        mcp=GATE,
        stream=True,
        session_id="watched",
        stream_options={"include_events": True, "include_usage": True},
    )
    seen = beside(answer.body)
    assert all(frame["choices"] == [] for frame in seen)
    assert all(frame["session_id"] == "watched" for frame in seen)
    first, *tools, last = seen
    kinds = ["tool_progress", *["tool_result"] * 2, *["tool_use"] * 2]
    assert sorted(frame["object"] for frame in tools) == kinds
    assert (first["object"], last["object"]) == ("usage", "usage")
    by_kind = {(frame["object"], frame.get("tool_id", frame["id"])): frame for frame in seen}
    used = by_kind["tool_use", "toolu_01"]
    assert (used["name"], used["server"], used["tool"]) == ("gate__echo", "gate", "echo")
    assert used["input"] == {"name": "a"}
    gave = by_kind["tool_result", "toolu_01"]
    assert gave["content"].startswith("a in ")
    assert gave["is_error"] is False
    assert type(gave["duration_ms"]) is int
    assert by_kind["tool_result", "toolu_02"]["is_error"] is True
    assert by_kind["tool_progress", "toolu_01"]["message"] == "half"
    assert (first["round"], first["input_tokens"], first["output_tokens"]) == (1, 10, 5)
    assert (last["round"], last["input_tokens"], last["total_tokens"]) == (2, 20, 30)
    assert last["total_cost"] > first["total_cost"] > 0


async def test_t28_what_the_gateway_does_can_be_read_again_in_the_same_bytes(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    options = {"include_events": True}
    answer = await chat(tooled, mcp=GATE, stream=True, session_id="again", stream_options=options)
    run = answer.header("x-run-id")
    stored = await ask(tooled.port, "GET", f"/v1/runs/{run}/events")
    assert stored.body == answer.body.replace(b": ping\n", b"")
    assert b'"object":"tool_result"' in stored.body


async def test_nobody_else_is_shown_it(tooled: GatewayProcess, upstream: FakeAnthropic) -> None:
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use"), answering(text("Done."))
    )
    answer = await chat(tooled, mcp=GATE, stream=True)
    assert {frame["object"] for frame in frames(answer.body)} == {"chat.completion.chunk"}


async def test_a_header_asks_for_it_as_well(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    headers = {"x-gateway-events": "true"}
    answer = await ask(tooled.port, "POST", "/v1/chat/completions", chat_body(stream=True), headers)
    assert [frame["object"] for frame in frames(answer.body)][-1] == "usage"
    headers = {"x-gateway-events": "maybe"}
    answer = await ask(tooled.port, "POST", "/v1/chat/completions", chat_body(stream=True), headers)
    refused(answer, 400, param="x-gateway-events")


async def test_the_session_and_the_client_are_told_the_same_cost(
    tooled: GatewayProcess, upstream: FakeAnthropic
) -> None:
    many = {"input_tokens": 80_000, "output_tokens": 100}
    upstream.script(
        answering(calling("echo", name="a"), stop_reason="tool_use", usage=many),
        answering(text("Done."), usage=many),
    )
    answer = await chat(tooled, mcp=GATE, model="claude-haiku-5-5", session_id="cost")
    told = json.loads(answer.body)["usage"]["total_cost"]
    about = await get(tooled, "/v1/chat/completions/cost/status")
    assert told == pytest.approx(float(about["total_cost"]))
    # Each prompt is of the cheaper tier; their sum would not be.
    assert told == pytest.approx(2 * (80_000 * 0.1 + 100 * 0.5) / 1e6)
