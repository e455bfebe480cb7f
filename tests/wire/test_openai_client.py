"""OpenAI's own client, pointed at the gateway."""

from __future__ import annotations

import json

import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionFunctionToolParam
from openai.types.chat import ChatCompletionMessageParam as Message

from claude_gateway.testing import FakeAnthropic, Reply, Stream
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import (
    MODEL,
    error,
    stream,
    text,
    text_stream,
    thinking,
    tool_use,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELLO: list[Message] = [{"role": "user", "content": "Hello"}]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def test_an_answer_in_one_piece_is_a_completion(openai_client: openai.AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.create(model=MODEL, messages=HELLO)
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "Hello world")
    assert choice.finish_reason == "stop"
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 5)
    assert answer.usage.total_tokens == 15


async def test_a_stream_adds_up_to_the_answer(openai_client: openai.AsyncOpenAI) -> None:
    chunks = await collect(openai_client)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(words(chunk) for chunk in chunks) == "Hello world"
    assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_comes_last_and_only_when_asked_for(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    used = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
        "output_tokens": 7,
    }
    upstream.script(Stream(text_stream("Hi", usage=used)))
    chunks = await collect(openai_client, usage=True)
    assert chunks[-1].choices == []
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (123, 7, 130)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 100


async def test_t01_a_tool_result_goes_up_first_in_one_user_message(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    asked = answering(
        text("Let me look."),
        tool_use("weather", '{"city":"Bern"}', id="toolu_a"),
        tool_use("weather", '{"city":"Chur"}', id="toolu_b"),
        stop_reason="tool_use",
    )
    upstream.script(asked, answering(text("Sunny.")))
    first = await openai_client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[WEATHER]
    )
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls or []
    assert [call.id for call in calls] == ["toolu_a", "toolu_b"]
    cities = [json.loads(call.function.arguments) for call in calls if call.type == "function"]
    assert cities == [{"city": "Bern"}, {"city": "Chur"}]

    said = first.choices[0].message.to_dict()
    results: list[Message] = [
        {"role": "tool", "tool_call_id": "toolu_b", "content": "rain"},
        {"role": "tool", "tool_call_id": "toolu_a", "content": "sun"},
        {"role": "user", "content": "And?"},
    ]
    second = await openai_client.chat.completions.create(
        model=MODEL,
        messages=[*HELLO, said, *results],  # type: ignore[list-item]  # what the client got, sent back
        tools=[WEATHER],
    )
    assert second.choices[0].message.content == "Sunny."
    before, after = (turn.json for turn in upstream.turns)
    assert before["tools"][0]["input_schema"]["properties"] == {"city": {"type": "string"}}
    assert [turn["role"] for turn in after["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in after["messages"][1]["content"]] == [
        "text",
        "tool_use",
        "tool_use",
    ]
    blocks = after["messages"][2]["content"]
    assert [block["type"] for block in blocks] == ["tool_result", "tool_result", "text"]
    assert [block["tool_use_id"] for block in blocks[:2]] == ["toolu_a", "toolu_b"]


async def test_t11_streamed_tool_calls_are_counted_by_themselves(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    blocks = (
        thinking("Hm"),
        text("Looking."),
        tool_use("weather", '{"city":', '"Bern"}', id="toolu_a"),
        tool_use("weather", id="toolu_b"),
    )
    upstream.script(Stream(stream(*blocks, stop_reason="tool_use")))
    async with openai_client.chat.completions.stream(
        model=MODEL, messages=HELLO, tools=[WEATHER]
    ) as answer:
        whole = await answer.get_final_completion()
    calls = whole.choices[0].message.tool_calls or []
    assert [(call.id, call.function.name) for call in calls] == [
        ("toolu_a", "weather"),
        ("toolu_b", "weather"),
    ]
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Bern"}, {}]
    assert whole.choices[0].message.content == "Looking."
    assert whole.choices[0].finish_reason == "tool_calls"


async def test_t20_nothing_is_sent_up_that_the_client_did_not_ask_for(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    await openai_client.chat.completions.create(model=MODEL, messages=HELLO)
    sent = upstream.turns[0].json
    assert set(sent) <= {"model", "messages", "max_tokens", "stream"}
    assert sent["max_tokens"] > 4096


@pytest.mark.parametrize(
    ("said", "raised", "seen"),
    [
        ((400, "invalid_request_error"), openai.BadRequestError, 400),
        ((404, "not_found_error"), openai.NotFoundError, 404),
        ((413, "request_too_large"), openai.APIStatusError, 413),
        ((429, "rate_limit_error"), openai.RateLimitError, 429),
        ((401, "authentication_error"), openai.InternalServerError, 502),
        ((403, "permission_error"), openai.InternalServerError, 502),
        ((500, "api_error"), openai.InternalServerError, 502),
        ((529, "overloaded_error"), openai.InternalServerError, 503),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_of_upstream_raises_the_right_exception(
    openai_client: openai.AsyncOpenAI,
    upstream: FakeAnthropic,
    said: tuple[int, str],
    raised: type[openai.APIStatusError],
    seen: int,
    *,
    streamed: bool,
) -> None:
    status, kind = said
    upstream.script(Reply(status, error(kind, "Not this time.")))
    with pytest.raises(raised) as caught:
        await openai_client.chat.completions.create(model=MODEL, messages=HELLO, stream=streamed)
    assert caught.value.status_code == seen
    assert caught.value.code
    assert caught.value.type
    assert caught.value.request_id
    if status in {401, 403}:
        assert caught.value.code == "upstream_auth_error"
    if status == 429:
        assert (caught.value.code, caught.value.type) == ("rate_limited", "rate_limit_error")


async def test_a_mistake_names_its_field(openai_client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await openai_client.chat.completions.create(model=MODEL, messages=[])
    assert caught.value.param == "messages"
    assert caught.value.code
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id == caught.value.response.headers["request-id"]


async def test_models_are_listed(openai_client: openai.AsyncOpenAI) -> None:
    listed = [model.id async for model in openai_client.models.list()]
    assert MODEL in listed
    assert (await openai_client.models.retrieve(MODEL)).object == "model"
    with pytest.raises(openai.NotFoundError):
        await openai_client.models.retrieve("gpt-none")


async def collect(client: openai.AsyncOpenAI, *, usage: bool = False) -> list[ChatCompletionChunk]:
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True} if usage else openai.omit,
    )
    return [chunk async for chunk in answer]


def words(chunk: ChatCompletionChunk) -> str:
    return chunk.choices[0].delta.content or ""
