"""Streamed or whole, an answer is the same: judged by openai-python's own accumulator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses import ResponseStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from claude_gateway import sse
from claude_gateway.dialects.numbering import numbered
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening
from claude_gateway.dialects.responses.response import whole as whole_response
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.engine.fold import Fold
from claude_gateway.types.events import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=120)
TEXT = st.text(max_size=12)
PIECES = st.lists(TEXT, max_size=4)
COUNT = st.integers(0, 10**6)
INPUT = st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(TEXT), max_size=3)
NOISE: Sequence[Event] = (Ping(), OtherEvent("weather", {}), OtherDelta(0, {"type": "odd"}))
REASONS = ("end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal", "pause_turn", "moon")


@st.composite
def texts(draw: st.DrawFn) -> list[Event]:
    deltas: list[Event] = []
    for piece in draw(PIECES):
        encoded = draw(st.booleans())
        deltas.append(TextDelta(0, literal=sse.literal(piece)) if encoded else TextDelta(0, piece))
    return [BlockStart(0, {"type": "text", "text": draw(st.just("") | TEXT)}), *deltas]


@st.composite
def thoughts(draw: st.DrawFn) -> list[Event]:
    start = {"type": "thinking", "thinking": draw(st.just("") | TEXT), "signature": ""}
    deltas = [ThinkingDelta(0, piece) for piece in draw(PIECES)]
    return [BlockStart(0, start), *deltas, SignatureDelta(0, "c2ln")]


@st.composite
def tool_calls(draw: st.DrawFn) -> list[Event]:
    early = draw(st.just({}) | INPUT)
    start = {
        "type": "tool_use",
        "id": "toolu",
        "name": draw(st.sampled_from("abc")),
        "input": early,
    }
    whole = draw(st.just("") | INPUT.map(json.dumps))
    at = draw(st.integers(0, len(whole)))
    pieces = draw(st.sampled_from([[whole], ["", whole[:at], whole[at:]], []]))
    return [BlockStart(0, start), *(InputDelta(0, piece) for piece in pieces)]


@st.composite
def unknowns(draw: st.DrawFn) -> list[Event]:
    kind = draw(st.sampled_from(["hologram", "server_tool_use", "redacted_thinking", "fallback"]))
    return [BlockStart(0, {"type": kind}), InputDelta(0, "{}"), *draw(st.permutations(NOISE))]


@st.composite
def searches(draw: st.DrawFn) -> list[Event]:
    """A search, or the result of one, perhaps of another."""
    if draw(st.booleans()):
        query = draw(st.just("") | TEXT.map(lambda text: json.dumps({"query": text})))
        start = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
        return [BlockStart(0, start), InputDelta(0, query)]
    pages = st.lists(st.just({"type": "web_search_result", "url": "https://x.test"}), max_size=2)
    content = draw(pages | st.just({"type": "web_search_tool_result_error"}))
    of = f"toolu_{draw(st.integers(0, 3))}"
    result = {"type": "web_search_tool_result", "tool_use_id": of, "content": content}
    return [BlockStart(0, result)]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    counts = {key: draw(COUNT) for key in ("input_tokens", "cache_read_input_tokens")}
    counts["cache_creation_input_tokens"] = draw(COUNT)
    start = {"id": "msg_1", "model": "claude-x", "usage": {**counts, "output_tokens": 1}}
    events: list[Event] = [Accepted(), MessageStart(start)]
    blocks = texts() | thoughts() | tool_calls() | unknowns() | searches()
    for index, block in enumerate(draw(st.lists(blocks, max_size=5))):
        events += (placed(event, index) for event in [*block, BlockStop(0)])
    events.insert(draw(st.integers(2, len(events))), draw(st.sampled_from(NOISE)))
    ending = {"stop_reason": draw(st.sampled_from(REASONS)), "stop_sequence": None}
    used: dict[str, object] = {"output_tokens": draw(COUNT)}
    used["input_tokens"] = draw(st.none() | COUNT)
    used["output_tokens_details"] = {"thinking_tokens": draw(COUNT)}
    first = MessageDelta({"stop_reason": None}, {"output_tokens": draw(COUNT)})
    return [*events, first, MessageDelta(ending, used), MessageStop()]


def placed(event: Event, index: int) -> Event:
    """The same event at its block's place."""
    match event:
        case TextDelta():
            return TextDelta(
                index, None if event.literal is not None else event.text, event.literal
            )
        case BlockStart(_, block):
            named = {**block, "id": f"toolu_{index}"} if "id" in block else block
            return BlockStart(index, named)
        case ThinkingDelta() | SignatureDelta() | InputDelta() | OtherDelta() | BlockStop():
            return replace(event, index=index)
        case _:
            return event


def encoder() -> ChatStream:
    return ChatStream(1_700_000_000, "asked", include_usage=True)


def accumulated(frames: bytes) -> ChatCompletion:
    state = ChatCompletionStreamState[None]()
    for chunk in chunks(frames):
        list(state.handle_chunk(chunk))
    return state.current_completion_snapshot


def chunks(frames: bytes) -> Iterator[ChatCompletionChunk]:
    lines = frames.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    for line in lines[:-2]:
        yield ChatCompletionChunk.model_validate_json(line.removeprefix("data: "))


def whole(events: Sequence[Event]) -> dict[str, Any]:
    fold = Fold()
    for event in events:
        fold.add(event)
    return completion(fold.answer().message, 1_700_000_000)


@SAME_EVERY_TIME
@given(answers())
def test_the_stream_adds_up_to_the_completion(events: list[Event]) -> None:
    streamed = accumulated(encoder().feed(events))
    answer = whole(events)
    [got], [wanted] = streamed.choices, answer["choices"]
    assert (got.message.content or "") == (wanted["message"]["content"] or "")
    assert got.message.refusal == wanted["message"]["refusal"]
    assert got.finish_reason == wanted["finish_reason"]
    reasoning = (got.message.model_extra or {}).get("reasoning_content")
    assert reasoning == wanted["message"].get("reasoning_content")
    assert streamed.usage is not None
    assert streamed.usage.to_dict() == answer["usage"]
    assert (streamed.id, streamed.created, streamed.model) == (
        answer["id"],
        answer["created"],
        answer["model"],
    )


@SAME_EVERY_TIME
@given(answers())
def test_the_calls_of_the_stream_are_those_of_the_completion(events: list[Event]) -> None:
    [choice] = accumulated(encoder().feed(events)).choices
    [wanted] = whole(events)["choices"]
    calls = [call.to_dict() for call in choice.message.tool_calls or []]
    assert [without_spacing(c) for c in calls] == [
        without_spacing(c) for c in wanted["message"].get("tool_calls", [])
    ]


def without_spacing(call: Any) -> tuple[object, ...]:
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


@SAME_EVERY_TIME
@given(answers())
def test_t17_the_total_is_the_sum_of_its_parts(events: list[Event]) -> None:
    usage = accumulated(encoder().feed(events)).usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    details = usage.prompt_tokens_details
    assert details is not None
    assert usage.prompt_tokens >= (details.cached_tokens or 0)


@SAME_EVERY_TIME
@given(answers(), st.data())
def test_any_batches_give_the_same_bytes(events: list[Event], data: st.DataObject) -> None:
    at_once, in_batches, one_by_one = encoder(), encoder(), encoder()
    frames = at_once.feed(events)
    cut = data.draw(st.integers(0, len(events)))
    assert in_batches.feed(events[:cut]) + in_batches.feed(events[cut:]) == frames
    assert b"".join(one_by_one.feed((event,)) for event in events) == frames


@SAME_EVERY_TIME
@given(answers(), st.integers(1, 5000))
def test_frames_that_are_numbered_as_they_are_made_are_those_that_are_numbered_later(
    events: list[Event], first: int
) -> None:
    at_once, one_by_one = encoder(), encoder()
    frames, last = at_once.numbered(events, first)
    assert (frames, last) == numbered(encoder().feed(events), first)
    beyond = first
    for event in events:
        piece, newest = one_by_one.numbered((event,), beyond)
        assert frames.startswith(piece)
        frames, beyond = frames[len(piece) :], newest + 1
    assert (frames, beyond) == (b"", last + 1)


@SAME_EVERY_TIME
@given(st.text())
def test_text_still_encoded_and_text_decoded_give_the_same_bytes(text: str) -> None:
    start = MessageStart({"id": "msg_1"})
    encoded, decoded = TextDelta(0, literal=sse.literal(text)), TextDelta(0, text)
    assert encoder().feed((start, encoded)) == encoder().feed((start, decoded))


@SAME_EVERY_TIME
@given(answers())
def test_every_chunk_of_an_answer_looks_alike(events: list[Event]) -> None:
    found = list(chunks(encoder().feed(events)))
    assert len({(c.id, c.created, c.model, c.object) for c in found}) == 1
    assert found[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].delta.role for c in found[1:-1]] == [None] * (len(found) - 2)
    reasons = [c.choices[0].finish_reason for c in found[:-1]]
    assert reasons[:-1] == [None] * (len(found) - 2)
    assert reasons[-1] is not None
    assert (found[-1].choices, [c.usage for c in found[:-1]]) == ([], [None] * (len(found) - 1))


CLIENT = Client("ab", thinking=True, sources=True)
OPENING = Opening("resp_ab", 1_700_000_000, "asked", echo({}))
OFFICIAL: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def responder() -> ResponseStream:
    return ResponseStream(OPENING, CLIENT, lambda: 1_700_000_009)


def responded(frames: bytes) -> Iterator[tuple[ResponseStreamEvent, dict[str, Any]]]:
    """The events of a response, each judged by openai-python's own model of it."""
    *found, end = frames.decode().split("\n\n")
    assert end == ""
    for frame in found:
        data = frame.partition("\ndata: ")[2]
        yield OFFICIAL.validate_json(data, strict=True), json.loads(data)


@SAME_EVERY_TIME
@given(answers())
def test_the_events_add_up_to_the_response(events: list[Event]) -> None:
    fold = Fold()
    for event in events:
        fold.add(event)
    wanted = whole_response(OPENING, fold.answer().message, CLIENT, 1_700_000_009)
    Response.model_validate(wanted, strict=True)
    state = ResponseStreamState[None](input_tools=omit, text_format=omit)
    last: dict[str, Any] = {}
    for official, raw in responded(responder().feed(events)):
        state.handle_event(official)
        last = raw
    assert compared(last["response"]) == compared(json.loads(sse.compact(wanted)))
    done = state._completed_response
    assert (done is not None) == (wanted["status"] == "completed")


def compared(response: dict[str, Any]) -> dict[str, Any]:
    """A response in which the spacing of arguments says nothing."""
    for item in response["output"]:
        if item["type"] == "function_call":
            item["arguments"] = json.loads(item["arguments"])
    return response


@SAME_EVERY_TIME
@given(answers(), st.data())
def test_any_batches_give_the_same_events(events: list[Event], data: st.DataObject) -> None:
    in_batches, one_by_one = responder(), responder()
    frames = responder().feed(events)
    cut = data.draw(st.integers(0, len(events)))
    assert in_batches.feed(events[:cut]) + in_batches.feed(events[cut:]) == frames
    assert b"".join(one_by_one.feed((event,)) for event in events) == frames


@SAME_EVERY_TIME
@given(answers())
def test_events_are_numbered_and_items_begin_grow_and_end_in_order(events: list[Event]) -> None:
    found = [raw for _, raw in responded(responder().feed(events))]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    open_item, done = None, 0
    for event in found:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert open_item is None
            open_item = event["item"]["id"]
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == open_item
            open_item, done = None, done + 1
        elif "item_id" in event:
            assert event["item_id"] == open_item
        if "output_index" in event:
            assert event["output_index"] == done - (open_item is None)
    assert open_item is None
    assert len(found[-1]["response"]["output"]) == done
