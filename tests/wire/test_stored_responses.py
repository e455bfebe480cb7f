"""Responses that are stored, gone on with, read again and stopped, by OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import ask
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, text_stream, thinking, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}


def sent(upstream: FakeAnthropic) -> list[tuple[str, object]]:
    return [(m["role"], m["content"]) for m in upstream.turns[-1].json["messages"]]


async def test_a_response_goes_on_from_the_one_before(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(thinking("hm"), text("Hello!")), answering(text("Fine.")))
    first = await openai_client.responses.create(model="sonnet", input="Hi")
    assert first.model_dump()["store"] is True
    second = await openai_client.responses.create(
        model="sonnet", input="How are you?", previous_response_id=first.id
    )
    assert second.output_text == "Fine."
    assert second.previous_response_id == first.id
    assert [role for role, _ in sent(upstream)] == ["user", "assistant", "user"]
    assert "signature" in json.dumps(sent(upstream)[1])


async def test_calls_of_a_stored_response_are_answered_by_their_ids(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    call = tool_use("look", '{"n":12345678901234567890123}', id="toolu_7")
    upstream.script(answering(call, stop_reason="tool_use"), answering(text("Seen.")))
    first = await openai_client.responses.create(model="sonnet", input="Look", tools=[LOOK])
    [made] = [item for item in first.output if item.type == "function_call"]
    second = await openai_client.responses.create(
        model="sonnet",
        previous_response_id=first.id,
        tools=[LOOK],
        input=[{"type": "function_call_output", "call_id": made.call_id, "output": "a cat"}],
    )
    assert second.output_text == "Seen."
    assert b'"input":{"n":12345678901234567890123}' in upstream.turns[-1].body
    assert sent(upstream)[-1][1] == [
        {"type": "tool_result", "tool_use_id": "toolu_7", "content": "a cat"}
    ]


async def test_two_requests_that_go_on_from_one_response_are_two_branches(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("A")), answering(text("B1")), answering(text("B2")))
    first = await openai_client.responses.create(model="sonnet", input="one")
    for words in ("two", "another two"):
        await openai_client.responses.create(
            model="sonnet", input=words, previous_response_id=first.id
        )
        assert sent(upstream) == [("user", "one"), ("assistant", "A"), ("user", words)]


async def test_instructions_hold_for_one_response(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.always(answering(thinking("hm"), text("Yes.")))
    first = await openai_client.responses.create(
        model="sonnet", input="one", instructions="Be kind."
    )
    await openai_client.responses.create(
        model="sonnet", input="two", previous_response_id=first.id, instructions="Be brief."
    )
    body = upstream.turns[-1].json
    assert body["system"] == [{"type": "text", "text": "Be brief."}]
    assert "signature" not in json.dumps(body)


async def test_a_conversation_is_a_session(
    gateway: GatewayProcess, openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(text("A")), answering(text("B")))
    first = None
    for words in ("one", "two"):
        first = await openai_client.responses.create(
            model="sonnet", input=words, conversation="shared-talk"
        )
    assert first is not None
    assert first.conversation is not None
    assert first.conversation.id == "shared-talk"
    assert sent(upstream) == [("user", "one"), ("assistant", "A"), ("user", "two")]
    headers = {"x-api-key": openai_client.api_key}
    path = "/v1/sessions/shared-talk/messages"
    listed = (await ask(gateway.port, "GET", path, headers=headers)).json
    assert [m["content"] for m in listed["messages"]] == ["one", "A", "two", "B"]


async def test_what_is_not_to_be_stored_is_not(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    first = await openai_client.responses.create(model="sonnet", input="Hi", store=False)
    assert first.model_dump()["store"] is False
    with pytest.raises(openai.NotFoundError):
        await openai_client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        await openai_client.responses.create(
            model="sonnet", input="Hi", previous_response_id=first.id
        )
    assert refused.value.code == "previous_response_not_found"
    assert refused.value.param == "previous_response_id"


async def test_a_stored_response_is_read_again_whole_and_as_a_stream(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(text_stream("Hel", "lo")))
    stream = await openai_client.responses.create(model="sonnet", input="Hi", stream=True)
    events = [event async for event in stream]
    done = events[-1]
    assert done.type == "response.completed"
    again = await openai_client.responses.retrieve(done.response.id)
    assert again == done.response
    rest = await openai_client.responses.retrieve(done.response.id, stream=True)
    assert [event async for event in rest] == events
    for seen in (0, 3, events[-2].sequence_number):
        rest = await openai_client.responses.retrieve(
            done.response.id, stream=True, starting_after=seen
        )
        assert [event async for event in rest] == events[seen + 1 :]


async def test_a_response_in_the_background_is_made_meanwhile_and_can_be_stopped(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    go_on = asyncio.Event()
    frames = text_stream("Hello")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]), Stream([*frames[:4], Hang()]))
    first = await openai_client.responses.create(model="sonnet", input="Hi", background=True)
    assert first.status == "in_progress"
    assert (await openai_client.responses.retrieve(first.id)).status == "in_progress"
    go_on.set()
    async with asyncio.timeout(5):
        while (now := await openai_client.responses.retrieve(first.id)).status != "completed":
            await asyncio.sleep(0.02)
    assert now.output_text == "Hello"
    second = await openai_client.responses.create(model="sonnet", input="Hi", background=True)
    await upstream.wait_turns(2)
    assert (await openai_client.responses.cancel(second.id)).status == "cancelled"
    assert await upstream.wait_closed(timeout=2) < 1
