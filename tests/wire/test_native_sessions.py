"""Native clients that leave the history to the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway.testing import FakeAnthropic, Reply
from claude_gateway.testing.raw import Response, refused
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, error, text, thinking, tool_use

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, NATIVE = "/v1/chat/completions", "/v1/messages"
LOOK = {"name": "look", "input_schema": {"type": "object"}}


async def say(caller: Caller, session: str, words: object, **more: object) -> Response:
    """Say it, and nothing of what was said before."""
    said = [{"role": "user", "content": words}]
    body = {"model": MODEL, "max_tokens": 9, "messages": said, **more}
    response = await caller.ask("POST", NATIVE, body, {"x-gateway-session-id": session})
    assert response.status == 200, response.body
    return response


def last(upstream: FakeAnthropic) -> Any:
    return upstream.turns[-1].json


async def test_the_sessions_own_system_prompt_stands_before_the_native_clients(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    session = (await caller.post("/v1/sessions", system_prompt="Be kind."))["id"]
    for words in ("Hi", "And now?"):
        await say(caller, session, words, system="Be brief.")
        texts = [block["text"] for block in last(upstream)["system"]]
        assert texts == ["Be kind.", "Be brief."]


async def test_t08_a_native_clients_new_system_text_is_said_once_and_at_the_end(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    for words in ("Hi", "And now?"):
        await say(caller, "plain", words)
    await say(caller, "plain", "Still?", system="Be brief.", model="claude-opus-5-5")
    body = last(upstream)
    assert "system" not in body
    assert body["messages"][-1] == {"role": "system", "content": "Be brief."}


async def test_t02_a_native_client_without_tools_is_given_those_that_were_called(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    upstream.script(answering(tool_use("look", "{}", id="toolu_1"), stop_reason="tool_use"))
    await say(caller, "toolless", "Look", tools=[LOOK])
    await say(caller, "toolless", "Never mind")
    assert last(upstream)["tools"] == [LOOK]
    assert last(upstream)["tool_choice"] == {"type": "none"}


async def test_t08_other_tools_of_a_native_client_leave_the_sessions_thinking_behind(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    upstream.always(answering(thinking("hm"), text("Yes.")))
    for words in ("Hi", "And now?"):
        await say(caller, "bound", words, tools=[LOOK])
    assert "signature" in json.dumps(last(upstream)["messages"])
    await say(caller, "bound", "Still?", tools=[{**LOOK, "name": "listen"}])
    assert "signature" not in json.dumps(last(upstream)["messages"])


async def test_a_chat_client_that_brings_some_results_is_told_which_are_missing(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    calls = [tool_use("look", "{}", id=f"toolu_{n}") for n in (1, 2)]
    upstream.script(answering(*calls, stop_reason="tool_use"))
    await say(caller, "some", "Look", tools=[LOOK])
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "A cat"}
    body = {"model": MODEL, "session_id": "some", "messages": [result]}
    said = refused(await caller.ask("POST", CHAT, body), 400, "missing_tool_result", "messages")
    assert said["message"].startswith("messages has no tool message in answer to 'toolu_2'")


@pytest.mark.parametrize(
    "said",
    [
        "prompt is too long: 1200000 tokens > 1000000 maximum",
        "input length and `max_tokens` exceed context limit: 199000 + 9000 > 200000",
    ],
)
async def test_a_conversation_that_upstream_finds_too_long_is_refused_with_advice(
    upstream: FakeAnthropic, caller: Caller, said: str
) -> None:
    upstream.script(Reply(400, error("invalid_request_error", said)))
    body = {"model": MODEL, "session_id": "long", "messages": [{"role": "user", "content": "Hi"}]}
    answer = refused(await caller.ask("POST", CHAT, body), 400, "context_length_exceeded")
    assert answer["message"].startswith(said)
    assert "fork" in answer["message"]
