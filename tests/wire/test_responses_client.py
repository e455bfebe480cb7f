"""OpenAI's own client, asking the gateway for responses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import Any

import openai
import pytest
from openai.types.responses import (
    FunctionToolParam,
    Response,
    ResponseInputParam,
    ResponseReasoningItem,
    ResponseStreamEvent,
)
from pydantic import BaseModel

from claude_gateway.testing import FakeAnthropic, Reply, Stream
from claude_gateway.testing.upstream import Answer, Received, answering
from claude_gateway.testing.wire import (
    MODEL,
    Block,
    error,
    error_event,
    text,
    text_stream,
    thinking,
    tool_use,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": None,
}
PNG = "data:image/png;base64,iVBORw0KGgo="


def as_it_is(**fields: object) -> Block:
    """A block that comes all at once."""
    return Block(fields, [], fields)


REDACTED = as_it_is(type="redacted_thinking", data="Em8K")
SEARCH = as_it_is(
    type="server_tool_use", id="srvtoolu_1", name="web_search", input={"query": "foxes"}
)
PAGES = [{"type": "web_search_result", "url": "https://x.test", "title": "X"}]
FOUND = as_it_is(type="web_search_tool_result", tool_use_id="srvtoolu_1", content=PAGES)


class Person(BaseModel):
    name: str
    age: int


def calls(response: Response) -> list[tuple[str, Any]]:
    return [
        (item.call_id, json.loads(item.arguments))
        for item in response.output
        if item.type == "function_call"
    ]


def sent_back(response: Response) -> Any:
    return response.to_dict()["output"]


def sound(response: Response) -> Response:
    """The same, after a check that the client itself does not make."""
    Response.model_validate_json(response.to_json(), strict=True)
    return response


async def keep(stream: AsyncIterable[ResponseStreamEvent], seen: list[ResponseStreamEvent]) -> None:
    async for event in stream:
        seen.append(event)  # noqa: PERF401  # what came before an exception counts


async def collect(client: openai.AsyncOpenAI, **options: Any) -> list[ResponseStreamEvent]:
    stream = await client.responses.create(model=MODEL, input="Hello", stream=True, **options)
    return [event async for event in stream]


async def test_an_answer_in_one_piece_is_a_response(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    response = sound(
        await openai_client.responses.create(
            model=MODEL, input="Hello", instructions="Be brief.", metadata={"a": "b"}
        )
    )
    assert response.output_text == "Hello world"
    assert (response.object, response.status, response.model) == ("response", "completed", MODEL)
    assert response.metadata == {"a": "b"}
    assert response.id.startswith("resp_")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 5)
    sent = upstream.turns[0].json
    assert sent["system"] == [{"type": "text", "text": "Be brief."}]
    assert sent["messages"] == [{"role": "user", "content": "Hello"}]


async def test_every_response_has_an_id_of_its_own(openai_client: openai.AsyncOpenAI) -> None:
    both = [await openai_client.responses.create(model=MODEL, input="Hi") for _ in range(2)]
    assert len({response.id for response in both}) == 2
    assert len({response.output[0].id for response in both}) == 2


async def test_a_stream_adds_up_to_the_response(openai_client: openai.AsyncOpenAI) -> None:
    async with openai_client.responses.stream(model=MODEL, input="Hello") as stream:
        events = [event async for event in stream]
        whole = await stream.get_final_response()
    assert whole.output_text == "Hello world"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    assert "".join(event.delta for event in deltas) == deltas[-1].snapshot == "Hello world"
    first, last = events[0], events[-1]
    assert first.type == "response.created"
    assert last.type == "response.completed"
    assert first.response.id == last.response.id


@pytest.mark.parametrize("streamed", [False, True])
async def test_t01_calls_and_their_results_go_round(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    asked = answering(
        text("Let me look."),
        tool_use("weather", '{"city":', '"Bern"}', id="toolu_a"),
        tool_use("weather", id="toolu_b"),
        stop_reason="tool_use",
    )
    upstream.script(asked, answering(text("Sunny.")))
    given: ResponseInputParam = [{"role": "user", "content": "Hello"}]
    if streamed:
        async with openai_client.responses.stream(
            model=MODEL, input=given, tools=[WEATHER]
        ) as stream:
            first: Response = await stream.get_final_response()
    else:
        first = await openai_client.responses.create(model=MODEL, input=given, tools=[WEATHER])
    assert calls(sound(first)) == [("toolu_a", {"city": "Bern"}), ("toolu_b", {})]

    given += sent_back(first)
    given += [
        {"type": "function_call_output", "call_id": "toolu_b", "output": "rain"},
        {"type": "function_call_output", "call_id": "toolu_a", "output": "sun"},
    ]
    second = await openai_client.responses.create(model=MODEL, input=given, tools=[WEATHER])
    assert second.output_text == "Sunny."
    before, after = (turn.json for turn in upstream.turns)
    assert before["tools"][0]["input_schema"] == WEATHER["parameters"]
    kinds = [[block["type"] for block in turn["content"]] for turn in after["messages"][1:]]
    assert kinds == [["text", "tool_use", "tool_use"], ["tool_result", "tool_result"]]
    assert [block["content"] for block in after["messages"][2]["content"]] == ["sun", "rain"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_t06_thinking_goes_back_to_the_model_as_it_came(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    thoughts = thinking("First, ", "then."), thinking(signature="b3RoZXI="), REDACTED
    blocks = *thoughts, tool_use("weather")
    upstream.script(answering(*blocks, stop_reason="tool_use"), answering(text("Sunny.")))
    given: ResponseInputParam = [{"role": "user", "content": "Hello"}]
    options: Any = {
        "model": MODEL,
        "tools": [WEATHER],
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"summary": "auto"},
    }
    if streamed:
        async with openai_client.responses.stream(input=given, **options) as stream:
            first: Response = await stream.get_final_response()
    else:
        first = await openai_client.responses.create(input=given, **options)
    shown = [item for item in sound(first).output if isinstance(item, ResponseReasoningItem)]
    assert [[part.text for part in item.summary] for item in shown] == [["First, then."], [], []]

    given += sent_back(first)
    given += [{"type": "function_call_output", "call_id": "toolu_01", "output": "sun"}]
    await openai_client.responses.create(input=given, **options)
    before, after = (turn.json for turn in upstream.turns)
    assert before["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert [after["messages"][0], after["tools"]] == [before["messages"][0], before["tools"]]
    assert after["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "First, then.", "signature": "c2lnbmF0dXJl"},
        {"type": "thinking", "thinking": "", "signature": "b3RoZXI="},
        {"type": "redacted_thinking", "data": "Em8K"},
        {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {}},
    ]


async def test_t09_thinking_that_was_not_kept_is_not_made_up(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(thinking("Hm"), text("So.")))
    first = await openai_client.responses.create(model=MODEL, input="Hello")
    assert "encrypted_content" not in first.to_json(exclude_none=True)
    given: Any = [{"role": "user", "content": "Hello"}, *sent_back(first)]
    given.append({"role": "user", "content": "And?"})
    await openai_client.responses.create(model=MODEL, input=given)
    assert upstream.turns[1].json["messages"][1] == {"role": "assistant", "content": "So."}


async def test_images_go_up_as_what_they_are(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    parts: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PNG, "detail": "auto"},
    ]
    await openai_client.responses.create(model=MODEL, input=[{"role": "user", "content": parts}])
    _, image = upstream.turns[0].json["messages"][0]["content"]
    assert image["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": "iVBORw0KGgo=",
    }


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_search_that_paused_the_turn_is_one_response(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    upstream.script(
        answering(SEARCH, FOUND, stop_reason="pause_turn"), answering(text("Foxes are red."))
    )
    options: Any = {
        "model": MODEL,
        "input": "Foxes?",
        "tools": [{"type": "web_search", "filters": {"allowed_domains": ["x.test"]}}],
        "include": ["web_search_call.action.sources"],
    }
    if streamed:
        async with openai_client.responses.stream(**options) as stream:
            response: Response = await stream.get_final_response()
    else:
        response = await openai_client.responses.create(**options)
    search, said = sound(response).output
    assert search.type == "web_search_call"
    assert search.action.type == "search"
    assert search.action.query == "foxes"
    assert [source.url for source in search.action.sources or []] == ["https://x.test"]
    assert (said.type, response.output_text) == ("message", "Foxes are red.")
    [tool] = upstream.turns[0].json["tools"]
    assert tool["type"] == "web_search_20250305"
    assert tool["allowed_domains"] == ["x.test"]
    assert len(upstream.turns) == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_of_a_shape_is_parsed(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    upstream.script(answering(text('{"name":"Ada",', '"age":36}')))
    if streamed:
        async with openai_client.responses.stream(
            model=MODEL, input="Who?", text_format=Person
        ) as stream:
            answer = await stream.get_final_response()
    else:
        answer = await openai_client.responses.parse(model=MODEL, input="Who?", text_format=Person)
    assert answer.output_parsed == Person(name="Ada", age=36)
    sent = upstream.turns[0].json["output_config"]["format"]
    assert sent["schema"]["required"] == ["name", "age"]


@pytest.mark.parametrize(("answer", "fits"), [('{"name":"Ada","age":36}', "true"), ("No", "false")])
async def test_a_whole_answer_says_whether_it_has_the_shape(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, answer: str, fits: str
) -> None:
    upstream.script(answering(text(answer)))
    shape: Any = {"type": "json_schema", "name": "person", "schema": Person.model_json_schema()}
    raw = openai_client.responses.with_raw_response
    got = await raw.create(model=MODEL, input="Who?", text={"format": shape})
    assert got.headers["x-gateway-schema-valid"] == fits


@pytest.mark.parametrize(
    ("reason", "why"), [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")]
)
async def test_t15_an_answer_that_is_not_complete_says_so(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, reason: str, why: str
) -> None:
    upstream.always(answering(text("I"), stop_reason=reason))
    whole = sound(await openai_client.responses.create(model=MODEL, input="Hello"))
    last = (await collect(openai_client))[-1]
    assert last.type == "response.incomplete"
    for response in (whole, last.response):
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == why
        [said] = response.output
        assert said.type == "message"
        refusals = [part.refusal for part in said.content if part.type == "refusal"]
        assert refusals == (["The model refused to answer."] if reason == "refusal" else [])


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_error_before_the_first_byte_raises_the_right_exception(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    upstream.script(Reply(429, error("rate_limit_error", "Not this time.")))
    with pytest.raises(openai.RateLimitError) as caught:
        await openai_client.responses.create(model=MODEL, input="Hello", stream=streamed)
    assert (caught.value.code, caught.value.type) == ("rate_limited", "rate_limit_error")
    assert caught.value.request_id


async def test_t16_an_error_after_text_is_shown_and_raised(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], error_event()]))
    stream = await openai_client.responses.create(model=MODEL, input="Hello", stream=True)
    seen: list[ResponseStreamEvent] = []
    with pytest.raises(openai.APIError) as caught:
        await keep(stream, seen)
    assert caught.value.type == "overloaded_error"
    last = seen[-1]
    assert last.type == "response.failed"
    assert sound(last.response).status == "failed"
    with pytest.raises(openai.APIError):
        async with openai_client.responses.stream(model=MODEL, input="Hello") as accumulated:
            await accumulated.get_final_response()


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"input": []}, "input"),
        ({"input": "Hi", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "Hi", "tools": [{"type": "file_search"}]}, "tools[0].type"),
        ({"input": "Hi", "reasoning": {"effort": "extreme"}}, "reasoning.effort"),
    ],
)
async def test_a_mistake_names_its_field(
    openai_client: openai.AsyncOpenAI, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await openai_client.responses.create(model=MODEL, **options)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


async def test_what_was_ignored_is_told_and_can_be_refused(
    openai_client: openai.AsyncOpenAI,
) -> None:
    options: Any = {"model": MODEL, "input": "Hi", "store": True, "truncation": "auto"}
    raw = openai_client.responses.with_raw_response
    answer = await raw.create(**options)
    assert answer.headers["x-gateway-ignored-params"] == "truncation"
    said = json.loads(answer.text)
    assert (said["store"], said["truncation"]) == (True, "disabled")
    with pytest.raises(openai.BadRequestError) as caught:
        await openai_client.responses.create(**options, extra_headers={"x-gateway-strict": "true"})
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "truncation")


async def test_t23_a_tool_keeps_the_clients_name(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    def call(received: Received) -> Answer:
        step = answering(tool_use(received.json["tools"][0]["name"]), stop_reason="tool_use")
        return step(received) if callable(step) else step

    upstream.script(call)
    tool: FunctionToolParam = {**WEATHER, "name": "weather.now/here"}
    response = await openai_client.responses.create(model=MODEL, input="Hello", tools=[tool])
    [asked] = response.output
    assert asked.type == "function_call"
    assert asked.name == "weather.now/here"


async def test_a_forced_call_that_is_asked_for_in_words_leaves_no_thinking_to_send_back(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic
) -> None:
    upstream.script(answering(thinking("Hm"), tool_use("weather"), stop_reason="tool_use"))
    raw = openai_client.responses.with_raw_response
    answer = await raw.create(
        model=MODEL,
        input="Hello",
        tools=[WEATHER],
        tool_choice="required",
        include=["reasoning.encrypted_content"],
    )
    assert answer.headers["x-gateway-ignored-params"] == "tool_choice"
    assert json.loads(answer.text)["output"][0]["encrypted_content"] is None
