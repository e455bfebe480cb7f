"""A conversation whose history the server keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import openai
import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply
from claude_gateway.testing.raw import Response, ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import error, text, thinking, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
KEY = {"Authorization": "Bearer gw-CANARY-client"}


async def say(
    gateway: GatewayProcess,
    words: str | list[dict[str, object]],
    session: str | None,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    messages = [{"role": "user", "content": words}] if isinstance(words, str) else words
    body = {"model": "sonnet", "messages": messages, "session_id": session, **more}
    return await ask(gateway.port, "POST", CHAT, body, {**KEY, **(headers or {})})


async def get(gateway: GatewayProcess, path: str) -> Any:
    response = await ask(gateway.port, "GET", path, headers=KEY)
    assert response.status == 200, response.body
    return response.json


def sent(upstream: FakeAnthropic, turn: int = -1) -> list[tuple[str, object]]:
    return [(m["role"], m["content"]) for m in upstream.turns[turn].json["messages"]]


async def test_one_message_at_a_time_makes_a_conversation(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Hello!")), answering(text("Fine.")))
    first = await say(gateway, "Hi", "one-by-one")
    assert first.status == 200, first.body
    assert first.json["session_id"] == "one-by-one"
    assert first.json["project_id"] == "default"
    assert first.json["choices"][0]["message"]["content"] == "Hello!"
    await say(gateway, "How are you?", "one-by-one")
    assert sent(upstream) == [
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "How are you?"),
    ]
    listed = await get(gateway, "/v1/sessions/one-by-one/messages")
    assert [(m["role"], m["content"]) for m in listed["messages"]] == [
        ("user", "Hi"),
        ("assistant", "Hello!"),
        ("user", "How are you?"),
        ("assistant", "Fine."),
    ]


async def test_a_session_that_was_ended_is_active_again_after_its_next_turn(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Hello!")), answering(text("Fine.")))
    await say(gateway, "Hi", "ended")
    path = "/v1/sessions/ended"
    ended = await ask(gateway.port, "PATCH", path, {"is_active": False}, KEY)
    assert ended.json["status"] == "ended"
    await say(gateway, "How are you?", "ended")
    assert (await get(gateway, path))["status"] == "active"
    assert sent(upstream)[0] == ("user", "Hi")


async def test_a_whole_history_is_reconciled_not_doubled(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Hello!")), answering(text("Fine.")))
    history: list[dict[str, object]] = [{"role": "user", "content": "Hi"}]
    await say(gateway, history, "whole")
    history += [{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "And?"}]
    await say(gateway, history, "whole")
    assert sent(upstream) == [("user", "Hi"), ("assistant", "Hello!"), ("user", "And?")]
    listed = await get(gateway, "/v1/sessions/whole/messages")
    assert listed["total"] == 4


async def test_an_edited_history_replaces_what_came_after_the_edit(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("A")), answering(text("B")), answering(text("C")))
    await say(gateway, "one", "edited")
    await say(gateway, "two", "edited")
    edited: list[dict[str, object]] = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "another two"},
    ]
    await say(gateway, edited, "edited")
    assert sent(upstream) == [("user", "one"), ("assistant", "A"), ("user", "another two")]
    listed = await get(gateway, "/v1/sessions/edited/messages")
    assert [m["content"] for m in listed["messages"]] == ["one", "A", "another two", "C"]


async def test_t05_t06_thinking_and_calls_go_back_exactly_as_they_came(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    call = tool_use("look", '{"n": 12345678901234567890123, "f": 1.10}', id="toolu_9")
    upstream.script(
        answering(thinking(signature="c2ln"), call, stop_reason="tool_use"),
        answering(text("Seen.")),
    )
    first = await say(gateway, "Look", "exact", tools=tools)
    [made] = first.json["choices"][0]["message"]["tool_calls"]
    assert made["id"] == "toolu_9"
    result: list[dict[str, object]] = [{"role": "tool", "tool_call_id": "toolu_9", "content": "ok"}]
    second = await say(gateway, result, "exact", tools=tools)
    assert second.json["choices"][0]["message"]["content"] == "Seen."
    body = upstream.turns[-1].body
    assert b'{"type":"thinking","thinking":"","signature":"c2ln"}' in body
    assert b'"input":{"n":12345678901234567890123,"f":1.10}' in body
    assert sent(upstream)[-1] == (
        "user",
        [{"type": "tool_result", "tool_use_id": "toolu_9", "content": "ok"}],
    )


async def test_t02_a_history_with_calls_keeps_its_tools_when_the_client_sends_none(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    tools = [
        {
            "type": "function",
            "function": {"name": "look", "description": "Looks", "parameters": {"type": "object"}},
        }
    ]
    call = tool_use("look", "{}", id="toolu_8")
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Well.")))
    await say(gateway, "Look", "toolless", tools=tools)
    await say(gateway, "Never mind", "toolless")
    body = upstream.turns[-1].json
    assert body["tools"] == upstream.turns[-2].json["tools"]
    assert body["tool_choice"] == {"type": "none"}
    assert body["messages"][2]["content"][0]["is_error"] is True


async def test_t08_system_and_tools_are_frozen_and_news_stand_at_the_end(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.always(answering(thinking("hm"), text("Yes.")))
    await say(gateway, "Hi", "frozen", system_prompt="Be kind.", model="opus")
    await say(gateway, "And now?", "frozen", system_prompt="Be brief.", model="opus")
    await say(gateway, "Still?", "frozen", system_prompt="Be brief.", model="opus")
    bodies = [turn.json for turn in upstream.turns[-3:]]
    assert all(body["system"] == bodies[0]["system"] for body in bodies)
    assert json.dumps(bodies[2]["messages"]).count("Be brief.") == 1
    for earlier, later in pairwise(bodies):
        assert later["messages"][: len(earlier["messages"])] == earlier["messages"]
    assert bodies[2]["messages"][1]["content"][0]["type"] == "thinking"


async def test_t08_other_tools_than_before_make_the_session_forget_its_thinking(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    def tools(*names: str) -> list[dict[str, object]]:
        return [{"type": "function", "function": {"name": name}} for name in names]

    upstream.always(answering(thinking("hm"), text("Yes.")))
    await say(gateway, "one", "tools", tools=tools("a"))
    await say(gateway, "two", "tools", tools=tools("a"))
    assert "signature" in json.dumps(sent(upstream))
    await say(gateway, "three", "tools", tools=tools("a", "b"))
    assert "signature" not in json.dumps(sent(upstream))
    await say(gateway, "four", "tools", tools=tools("a", "b"))
    assert json.dumps(sent(upstream)).count("signature") == 1


async def test_t08_another_model_never_sees_what_the_first_one_thought(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.always(answering(thinking("hm"), text("Yes.")))
    await say(gateway, "one", "models", model="sonnet")
    await say(gateway, "two", "models", model="opus")
    assert "signature" not in json.dumps(sent(upstream))


async def test_a_message_whose_answer_failed_is_not_doubled_by_trying_again(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Reply(529, error("overloaded_error", "Busy")), answering(text("Hello!")))
    failed = await say(gateway, "Hi", "retried")
    assert failed.status == 503
    assert (await say(gateway, "Hi", "retried")).status == 200
    assert sent(upstream) == [("user", "Hi")]
    listed = await get(gateway, "/v1/sessions/retried/messages")
    assert [m["content"] for m in listed["messages"]] == ["Hi", "Hello!"]


async def test_a_session_is_made_in_a_project_that_is_made_too(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    answer = await say(gateway, "Hi", None, project_id="from-a-phone")
    session = await get(gateway, f"/v1/sessions/{answer.json['session_id']}")
    assert session["project_id"] == "from-a-phone"
    assert session["title"] == "Hi"
    assert (await get(gateway, "/v1/projects/from-a-phone"))["id"] == "from-a-phone"


async def test_totals_are_those_of_all_turns(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 1000}
    upstream.always(answering(text("Yes."), usage=usage))
    first = await say(gateway, "one", "totals")
    assert first.json["usage"]["input_tokens"] == 1100
    assert first.json["usage"]["output_tokens"] == 20
    cost = first.json["usage"]["total_cost"]
    assert cost == pytest.approx((100 * 2 + 20 * 10 + 1000 * 0.2) / 1e6)
    await say(gateway, "two", "totals")
    status = await get(gateway, f"{CHAT}/totals/status")
    assert status["total_tokens"] == 2 * 1120
    assert status["total_cost"] == pytest.approx(2 * cost)
    assert status["message_count"] == 4
    assert status["is_running"] is False
    assert status["project_id"] == "default"


async def test_the_usage_chunk_of_a_session_says_what_it_cost(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    answer = await say(gateway, "Hi", "chunks", stream=True, stream_options={"include_usage": True})
    chunks = [json.loads(f.split(b"data: ", 1)[1]) for f in answer.frames[:-1]]
    assert all(c["session_id"] == "chunks" and c["project_id"] == "default" for c in chunks)
    assert chunks[-1]["usage"]["total_cost"] > 0
    assert answer.frames[-1].endswith(b"data: [DONE]\n\n")


async def test_openais_client_talks_in_a_session(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Hello!")), answering(text("Fine.")))
    said: list[str] = []
    for words in ("Hi", "How are you?"):
        stream = await openai_client.chat.completions.create(
            model="sonnet",
            messages=[{"role": "user", "content": words}],
            stream=True,
            extra_body={"session_id": "official"},
        )
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(said) == "Fine."
    assert len(sent(upstream)) == 3


@pytest.mark.parametrize("id_", ["", "a b", "../x", "x" * 129, "é", "a/b"])
async def test_an_id_that_cannot_be_one_is_refused_by_name(
    gateway: GatewayProcess, upstream: FakeAnthropic, id_: str
) -> None:
    if not id_:
        assert (await say(gateway, "Hi", id_)).status == 200  # as if it had not been said
        return
    refused = await say(gateway, "Hi", id_)
    assert (refused.status, refused.json["error"]["param"]) == (400, "session_id")


async def test_a_conversation_too_long_for_the_model_is_refused_with_advice(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("Yes."), usage={"input_tokens": 1_100_000}))
    assert (await say(gateway, "Hi", "long")).status == 200
    refused = await say(gateway, "More", "long")
    assert (refused.status, refused.json["error"]["code"]) == (400, "context_length_exceeded")
    assert "fork" in refused.json["error"]["message"]
    assert len(upstream.turns) == 1


async def test_a_native_client_can_leave_the_history_to_the_server(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(thinking("hm"), text("Hello!")), answering(text("Fine.")))
    headers = {**KEY, "x-gateway-session-id": "native"}
    for words in ("Hi", "How are you?"):
        body = {
            "model": "claude-sonnet-5-5",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": words}],
        }
        answer = await ask(gateway.port, "POST", "/v1/messages", body, headers)
        assert answer.status == 200, answer.body
        assert answer.header("x-run-id")
    assert [role for role, _ in sent(upstream)] == ["user", "assistant", "user"]
    assert "signature" in json.dumps(sent(upstream)[1])
