"""Events as chunks, byte for byte where it matters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from claude_gateway import sse
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.errors import Overloaded
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

USED = {"input_tokens": 7, "output_tokens": 1}
START = MessageStart({"id": "msg_1", "model": "claude-x", "usage": USED})
TEXT = BlockStart(0, {"type": "text", "text": ""})
HEAD = b'data: {"id":"chatcmpl-msg_1","object":"chat.completion.chunk","created":1700000000,'
HEAD += b'"model":"claude-x","choices":['


def stream(*, include_usage: bool = False) -> ChatStream:
    return ChatStream(1_700_000_000, "asked", include_usage=include_usage)


def call(index: int, name: str = "look", **extra: object) -> BlockStart:
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}, **extra}
    return BlockStart(index, block)


def ending(reason: object = "end_turn", **extra: object) -> tuple[Event, ...]:
    return MessageDelta({"stop_reason": reason, **extra}, {"output_tokens": 5}), MessageStop()


def chunks(*events: Event, include_usage: bool = False) -> list[dict[str, Any]]:
    return parsed(stream(include_usage=include_usage).feed((START, *events)))


def parsed(frames: bytes) -> list[dict[str, Any]]:
    lines = frames.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def deltas(found: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in found if chunk["choices"]]


def calls(*events: Event) -> list[Any]:
    found = deltas(chunks(*events, *ending("tool_use")))
    return [delta["tool_calls"][0] for delta in found if "tool_calls" in delta]


def test_a_text_is_these_very_bytes() -> None:
    events = START, TEXT, TextDelta(0, "Hel"), TextDelta(0, 'lo\n"you"'), BlockStop(0), *ending()
    tail = b',"logprobs":null,"finish_reason":null}]}\n\n'
    assert stream().feed(events) == (
        HEAD
        + (b'{"index":0,"delta":{"role":"assistant","content":""}' + tail)
        + (HEAD + b'{"index":0,"delta":{"content":"Hel"}' + tail)
        + (HEAD + b'{"index":0,"delta":{"content":"lo\\n\\"you\\""}' + tail)
        + (HEAD + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n')
        + b"data: [DONE]\n\n"
    )


def test_usage_is_null_on_every_chunk_but_the_last_which_has_no_choice() -> None:
    events = START, TextDelta(0, "Hi"), *ending()
    tail = b',"logprobs":null,"finish_reason":null}],"usage":null}\n\n'
    assert stream(include_usage=True).feed(events) == (
        HEAD
        + (b'{"index":0,"delta":{"role":"assistant","content":""}' + tail)
        + (HEAD + b'{"index":0,"delta":{"content":"Hi"}' + tail)
        + HEAD
        + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
        + (HEAD + b'],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,')
        + b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},'
        + b'"completion_tokens_details":{"reasoning_tokens":0}}}\n\n'
        + b"data: [DONE]\n\n"
    )


def test_the_model_asked_for_stands_where_upstream_names_none() -> None:
    [first] = stream().feed([MessageStart({"id": "msg_1"})]).split(b"\n\n")[:-1]
    assert json.loads(first[6:])["model"] == "asked"


@pytest.mark.parametrize("text", ["plain", "é 😀 \u2028", 'a "b" \\ \n\r\t\x00\x1f', ""])
def test_text_still_encoded_and_text_decoded_give_the_same_bytes(text: str) -> None:
    one, other = stream(), stream()
    encoded = TextDelta(0, literal=sse.literal(text))
    assert one.feed((START, encoded)) == other.feed((START, TextDelta(0, text)))


def test_half_a_surrogate_pair_never_reaches_the_client() -> None:
    found = deltas(chunks(TextDelta(0, "a\ud83d"), ThinkingDelta(1, "\udc00"), *ending()))
    assert found[1:3] == [{"content": "a\ufffd"}, {"reasoning_content": "\ufffd"}]


def test_text_that_comes_with_the_start_of_its_block_is_said() -> None:
    opened = BlockStart(0, {"type": "text", "text": "Hel"})
    thought = BlockStart(1, {"type": "thinking", "thinking": "Hm"})
    found = deltas(chunks(opened, TextDelta(0, "lo"), thought, *ending()))
    assert found[1:4] == [{"content": "Hel"}, {"content": "lo"}, {"reasoning_content": "Hm"}]


def test_thinking_is_reasoning_content_and_its_signature_is_not_shown() -> None:
    found = deltas(
        chunks(
            BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""}),
            ThinkingDelta(0, "Hm"),
            ThinkingDelta(0, ""),
            SignatureDelta(0, "c2ln"),
            BlockStop(0),
            *ending(),
        )
    )
    assert found == [{"role": "assistant", "content": ""}, {"reasoning_content": "Hm"}, {}]


def test_what_openai_has_no_word_for_makes_no_chunk() -> None:
    quiet: list[Event] = [
        Accepted({"request-id": "req_1"}),
        Ping(),
        OtherEvent("weather", {"type": "weather"}),
        OtherDelta(0, {"type": "citations_delta", "citation": {}}),
        BlockStart(1, {"type": "server_tool_use", "id": "srv_1", "name": "web_search"}),
        InputDelta(1, '{"query":"x"}'),
        BlockStop(1),
        BlockStart(2, {"type": "text", "text": None}),
    ]
    assert stream().feed(quiet) == b""


def test_t11_tool_calls_are_counted_by_themselves() -> None:
    found = calls(
        TEXT,
        TextDelta(0, "Let me look."),
        BlockStop(0),
        call(1),
        InputDelta(1, ""),
        InputDelta(1, '{"ci'),
        InputDelta(1, 'ty":"Bern"}'),
        BlockStop(1),
        BlockStart(2, {"type": "thinking", "thinking": ""}),
        ThinkingDelta(2, "And"),
        BlockStop(2),
        call(3, "list"),
        InputDelta(3, "{}"),
        BlockStop(3),
        call(4),
        InputDelta(4, '{"city":"Chur"}'),
        BlockStop(4),
    )
    assert [(c["index"], c["id"], c["type"], c["function"]) for c in found if "id" in c] == [
        (0, "toolu_1", "function", {"name": "look", "arguments": ""}),
        (1, "toolu_3", "function", {"name": "list", "arguments": ""}),
        (2, "toolu_4", "function", {"name": "look", "arguments": ""}),
    ]
    assert [(c["index"], c["function"]) for c in found if "id" not in c] == [
        (0, {"arguments": '{"ci'}),
        (0, {"arguments": 'ty":"Bern"}'}),
        (1, {"arguments": "{}"}),
        (2, {"arguments": '{"city":"Chur"}'}),
    ]


@pytest.mark.parametrize("partial", [[], [""], [" "]])
def test_t12_a_call_without_input_has_an_empty_object(partial: list[str]) -> None:
    pieces = [InputDelta(0, piece) for piece in partial]
    found = calls(call(0), *pieces, BlockStop(0))
    assert json.loads("".join(c["function"]["arguments"] for c in found)) == {}


def test_an_input_that_comes_with_the_start_of_its_block_is_not_lost() -> None:
    found = calls(call(0, input={"city": "Chur"}), InputDelta(0, ""), BlockStop(0))
    assert "".join(c["function"]["arguments"] for c in found) == '{"city":"Chur"}'


def test_an_input_that_is_streamed_replaces_what_came_with_the_start() -> None:
    found = calls(call(0, input={"city": "?"}), InputDelta(0, '{"city":"Chur"}'), BlockStop(0))
    assert "".join(c["function"]["arguments"] for c in found) == '{"city":"Chur"}'


def test_t15_a_full_context_is_told_from_an_answer_that_was_too_long() -> None:
    [choice] = chunks(*ending("model_context_window_exceeded"))[-1]["choices"]
    assert (choice["finish_reason"], choice["x_stop_reason"]) == (
        "length",
        "model_context_window_exceeded",
    )


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_a_known_reason_to_stop_is_translated(reason: str, finish: str) -> None:
    [choice] = chunks(*ending(reason))[-1]["choices"]
    assert choice["finish_reason"] == finish
    assert "x_stop_reason" not in choice


@pytest.mark.parametrize("reason", ["pause_turn", "moon_phase", 7, ["a"]])
def test_t15_a_reason_from_the_future_is_shown_raw(reason: object) -> None:
    [choice] = chunks(*ending(reason))[-1]["choices"]
    assert (choice["finish_reason"], choice["x_stop_reason"]) == ("stop", reason)


@pytest.mark.parametrize("reason", ["pause_turn", "moon_phase", None, "end_turn", "stop_sequence"])
def test_t15_no_reason_drops_a_call_that_waits(reason: object) -> None:
    [choice] = chunks(call(0), BlockStop(0), *ending(reason))[-1]["choices"]
    assert choice["finish_reason"] == "tool_calls"


def test_t15_a_call_that_was_cut_is_not_complete() -> None:
    [choice] = chunks(call(0), InputDelta(0, '{"a'), *ending("max_tokens"))[-1]["choices"]
    assert choice["finish_reason"] == "length"


def test_no_reason_at_all_is_a_stop() -> None:
    [choice] = chunks(MessageDelta({}), MessageStop())[-1]["choices"]
    assert choice == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


def test_the_sequence_that_stopped_it_is_named() -> None:
    [choice] = chunks(*ending("stop_sequence", stop_sequence="END"))[-1]["choices"]
    assert choice["stop_sequence"] == "END"


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"explanation": "It is dangerous."}, "It is dangerous."),
        ({"explanation": ""}, "The model refused to answer."),
        (None, "The model refused to answer."),
    ],
)
def test_t15_a_refusal_says_why_before_it_ends(details: object, said: str) -> None:
    found = chunks(*ending("refusal", stop_details=details))
    assert deltas(found)[-2:] == [{"refusal": said}, {}]
    assert found[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_an_ending_may_come_in_two_pieces() -> None:
    first = MessageDelta({"stop_reason": "max_tokens"}, {"output_tokens": 3})
    second = MessageDelta({"container": None}, {"output_tokens": 9})
    found = chunks(first, second, MessageStop(), include_usage=True)
    assert found[-2]["choices"][0]["finish_reason"] == "length"
    assert found[-1]["usage"]["completion_tokens"] == 9


def test_t18_the_last_usage_wins_and_t17_cached_tokens_are_part_of_the_prompt() -> None:
    cached = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100}
    thought = {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 4}}
    start = MessageStart({"id": "msg_1", "usage": {**cached, "output_tokens": 1}})
    events = start, MessageDelta({}, {"output_tokens": 5}), MessageDelta({}, thought), MessageStop()
    assert parsed(stream(include_usage=True).feed(events))[-1]["usage"] == {
        "prompt_tokens": 123,
        "completion_tokens": 7,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


def test_t16_a_failure_is_one_error_and_no_reason_to_finish() -> None:
    encoder = stream()
    encoder.feed((START, TextDelta(0, "Hel")))
    [error] = parsed(encoder.fail(Overloaded("Try later."), "req_1"))
    assert error["error"]["message"] == "Try later."
    assert (error["error"]["type"], error["error"]["code"]) == ("overloaded_error", "overloaded")
    assert "choices" not in error
