"""Events as a response's events, byte for byte where it matters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from claude_gateway import sse
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.dialects.responses.thoughts import unpacked
from claude_gateway.errors import GatewayError, Overloaded, RateLimited, UpstreamError
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

START = MessageStart({"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 7}})
TEXT = BlockStart(0, {"type": "text", "text": ""})
THINKING = BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""})
DELTA = "response.output_text.delta"


def stream(*, thinking: bool = True) -> ResponseStream:
    client = Client("ab", {"fs_read-x1": "fs.read"}, thinking=thinking)
    return ResponseStream(Opening("resp_ab", 1_700_000_000, "asked", echo({})), client, lambda: 5.5)


def look(index: int = 0, **extra: object) -> BlockStart:
    block = {"type": "tool_use", "id": f"toolu_{index}", "name": "look", "input": {}, **extra}
    return BlockStart(index, block)


def ending(reason: object = "end_turn", **extra: object) -> tuple[Event, ...]:
    return MessageDelta({"stop_reason": reason, **extra}, {"output_tokens": 5}), MessageStop()


def parsed(frames: bytes) -> list[dict[str, Any]]:
    """The events, whose names and numbers are checked."""
    *found, rest = frames.decode().split("\n\n")
    assert rest == ""
    events = []
    for i, frame in enumerate(found):
        name, data = frame.split("\ndata: ")
        events.append(json.loads(data))
        assert name == f"event: {events[-1]['type']}"
        assert events[-1]["sequence_number"] == i
    return events


def events(*given: Event) -> list[dict[str, Any]]:
    return parsed(stream().feed((START, *given)))


def names(found: Iterable[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def items(*given: Event) -> Any:
    return events(*given)[-1]["response"]["output"]


def test_a_text_is_these_events() -> None:
    said = TextDelta(0, "Hel"), TextDelta(0, "lo")
    found = events(TEXT, *said, BlockStop(0), *ending())
    assert names(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert found[0]["response"]["status"] == found[1]["response"]["status"] == "in_progress"
    assert found[2]["item"]["content"] == []
    assert [event["delta"] for event in found[4:6]] == ["Hel", "lo"]
    assert found[6]["text"] == found[7]["part"]["text"] == "Hello"
    assert found[8]["item"] == found[9]["response"]["output"][0]
    assert found[9]["response"]["completed_at"] == 5
    assert found[9]["response"]["usage"]["total_tokens"] == 12


def test_a_delta_is_these_very_bytes() -> None:
    encoder = stream()
    encoder.feed((START, TEXT))
    assert encoder.feed([TextDelta(0, 'lo\n"you"')]) == (
        b"event: response.output_text.delta\n"
        b'data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_ab00",'
        b'"output_index":0,"content_index":0,"delta":"lo\\n\\"you\\"","logprobs":[]}\n\n'
    )


@pytest.mark.parametrize("text", ["plain", "é 😀 \u2028", 'a "b" \\ \n\r\t\x00\x1f', ""])
def test_text_still_encoded_and_text_decoded_give_the_same_bytes(text: str) -> None:
    def frames(delta: TextDelta) -> bytes:
        return stream().feed((START, TEXT, delta, BlockStop(0), *ending()))

    assert frames(TextDelta(0, literal=sse.literal(text))) == frames(TextDelta(0, text))


def test_half_a_surrogate_pair_never_reaches_the_client() -> None:
    [said] = items(TEXT, TextDelta(0, "a\ud83d"), BlockStop(0), *ending())
    assert said["content"][0]["text"] == "a\ufffd"
    [thought] = items(THINKING, ThinkingDelta(0, "\udc00"), BlockStop(0), *ending())
    assert thought["summary"][0]["text"] == "\ufffd"


def test_text_that_comes_with_the_start_of_its_block_is_said() -> None:
    opened = BlockStart(0, {"type": "text", "text": "Hel"})
    found = events(opened, TextDelta(0, "lo"), BlockStop(0), *ending())
    assert [event["delta"] for event in found if event["type"] == DELTA] == ["Hel", "lo"]
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_texts_in_a_row_are_parts_of_one_message() -> None:
    second = BlockStart(1, {"type": "text", "text": ""})
    found = events(
        *(TEXT, TextDelta(0, "A"), BlockStop(0), second, TextDelta(1, "B"), BlockStop(1)), *ending()
    )
    assert names(found).count("output_item.added") == 1
    deltas = [event for event in found if event["type"] == DELTA]
    assert [(event["content_index"], event["delta"]) for event in deltas] == [(0, "A"), (1, "B")]
    assert [part["text"] for part in found[-1]["response"]["output"][0]["content"]] == ["A", "B"]


def test_citations_are_told_when_their_text_is_known() -> None:
    citation = {"type": "web_search_result_location", "url": "https://x.test", "title": "X"}
    cited = OtherDelta(0, {"type": "citations_delta", "citation": citation})
    found = events(TEXT, TextDelta(0, "Fo"), cited, TextDelta(0, "xes"), BlockStop(0), *ending())
    [told] = [event for event in found if "annotation" in event]
    assert told["annotation"]["end_index"] == 5
    assert names(found).index("output_text.annotation.added") < names(found).index(
        "output_text.done"
    )
    assert found[-1]["response"]["output"][0]["content"][0]["annotations"] == [told["annotation"]]


def test_thinking_is_a_summary_and_its_block_comes_with_the_finished_item() -> None:
    thought = ThinkingDelta(0, "First, "), ThinkingDelta(0, ""), ThinkingDelta(0, "then.")
    signed = SignatureDelta(0, "c2"), SignatureDelta(0, "ln")
    found = events(THINKING, *thought, *signed, BlockStop(0), *ending())
    assert names(found)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert found[2]["item"]["encrypted_content"] is None
    assert found[6]["text"] == found[7]["part"]["text"] == "First, then."
    assert unpacked(found[8]["item"]["encrypted_content"]) == [
        {"type": "thinking", "thinking": "First, then.", "signature": "c2ln"}
    ]


def test_t06_thinking_that_is_not_shown_has_no_summary() -> None:
    redacted = BlockStart(1, {"type": "redacted_thinking", "data": "Em8K"})
    hidden = THINKING, SignatureDelta(0, "c2ln"), BlockStop(0)
    found = events(*hidden, redacted, BlockStop(1), *ending())
    assert names(found)[2:-1] == ["output_item.added", "output_item.done"] * 2
    kept = [unpacked(item["encrypted_content"]) for item in found[-1]["response"]["output"]]
    assert kept == [
        [{"type": "thinking", "thinking": "", "signature": "c2ln"}],
        [{"type": "redacted_thinking", "data": "Em8K"}],
    ]


def test_thinking_is_only_given_to_clients_that_keep_it() -> None:
    given = THINKING, SignatureDelta(0, "c2ln"), BlockStop(0), *ending()
    assert b"cgt1." not in stream(thinking=False).feed((START, *given))


def test_a_call_is_told_piece_by_piece() -> None:
    pieces = InputDelta(0, '{"a":'), InputDelta(0, ""), InputDelta(0, "1.10}")
    found = events(look(name="fs_read-x1"), *pieces, BlockStop(0), *ending("tool_use"))
    assert names(found)[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert (found[2]["item"]["status"], found[2]["item"]["arguments"]) == ("in_progress", "")
    assert found[2]["item"]["name"] == found[6]["item"]["name"] == "fs.read"
    assert found[5]["arguments"] == found[6]["item"]["arguments"] == '{"a":1.10}'


@pytest.mark.parametrize(
    ("early", "pieces", "arguments"),
    [({}, [], "{}"), ({"a": 1}, [""], '{"a":1}'), (None, [" "], " {}")],
)
def test_t12_a_call_without_input_has_arguments_all_the_same(
    early: object, pieces: Sequence[str], arguments: str
) -> None:
    deltas = [InputDelta(0, piece) for piece in pieces]
    found = events(look(input=early), *deltas, BlockStop(0), *ending("tool_use"))
    said = [e["delta"] for e in found if e["type"].endswith("arguments.delta")]
    assert "".join(said) == arguments
    assert found[-1]["response"]["output"][0]["arguments"] == arguments


def test_t11_items_are_counted_one_after_the_other() -> None:
    given = (
        *(THINKING, ThinkingDelta(0, "Hm"), BlockStop(0)),
        *(BlockStart(1, {"type": "text", "text": ""}), TextDelta(1, "A"), BlockStop(1)),
        *(look(2), InputDelta(2, "{}"), BlockStop(2), look(3), BlockStop(3)),
    )
    found = events(*given, *ending("tool_use"))
    added = [event for event in found if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == [0, 1, 2, 3]
    ids = [event["item"]["id"] for event in added]
    assert ids == ["rs_ab00", "msg_ab01", "fc_ab02", "fc_ab03"]
    assert ids == [item["id"] for item in found[-1]["response"]["output"]]


def test_what_has_no_item_makes_no_event() -> None:
    quiet: list[Event] = [
        Accepted({"request-id": "req_1"}),
        Ping(),
        OtherEvent("weather", {"type": "weather"}),
        BlockStart(1, {"type": "server_tool_use", "id": "srv_1", "name": "code_execution"}),
        InputDelta(1, '{"query":"x"}'),
        ThinkingDelta(1, "x"),
        SignatureDelta(1, "x"),
        TextDelta(1, "x"),
        OtherDelta(1, {"type": "citations_delta", "citation": {}}),
        BlockStop(1),
    ]
    encoder = stream()
    encoder.feed((START, look(), InputDelta(0, "{}"), BlockStop(0)))
    assert encoder.feed(quiet) == b""


def test_a_search_of_the_web_is_told_from_beginning_to_end() -> None:
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
    asked = BlockStart(0, search), InputDelta(0, '{"query":'), InputDelta(0, '"x"}'), BlockStop(0)
    found = events(*asked, BlockStart(1, result), BlockStop(1), TEXT, BlockStop(0), *ending())
    assert names(found)[2:8] == [
        "output_item.added",
        "web_search_call.in_progress",
        "web_search_call.searching",
        "web_search_call.completed",
        "output_item.done",
        "output_item.added",
    ]
    assert (found[2]["item"]["status"], found[2]["item"]["action"]["query"]) == ("in_progress", "")
    assert (found[6]["item"]["status"], found[6]["item"]["action"]["query"]) == ("completed", "x")
    cut = events(*asked, *ending("max_tokens"))
    assert "web_search_call.completed" not in names(cut)
    assert cut[-1]["response"]["output"][0]["status"] == "incomplete"
    failed = {**result, "content": {"type": "web_search_tool_result_error"}}
    told = events(*asked, BlockStart(1, failed), BlockStop(1), *ending())
    assert "web_search_call.completed" not in names(told)
    assert told[-1]["response"]["output"][0]["status"] == "failed"


def test_t08_thinking_behind_what_cannot_come_back_is_not_for_keeping() -> None:
    signed = THINKING, SignatureDelta(0, "c2ln"), BlockStop(0)
    odd = BlockStart(1, {"type": "hologram"}), BlockStop(1)
    first, last = items(*signed, *odd, *signed, *ending())
    assert first["encrypted_content"] is not None
    assert last["encrypted_content"] is None


def test_an_item_that_the_tokens_cut_is_incomplete() -> None:
    found = events(look(), InputDelta(0, '{"a"'), BlockStop(0), *ending("max_tokens"))
    assert names(found)[-1] == "incomplete"
    assert "function_call_arguments.done" not in names(found)
    response = found[-1]["response"]
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["arguments"] == '{"a"'
    thought = events(THINKING, ThinkingDelta(0, "Hm"), BlockStop(0), *ending("max_tokens"))
    [part] = [e for e in thought if e["type"] == "response.reasoning_summary_part.done"]
    assert part["status"] == "incomplete"


def test_t15_a_refusal_is_a_part_of_the_message() -> None:
    details = {"type": "refusal", "explanation": "No."}
    refused = ending("refusal", stop_details=details)
    found = events(TEXT, TextDelta(0, "I"), BlockStop(0), *refused)
    assert names(found)[5:] == [
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]
    assert found[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    [alone] = items(*refused)
    assert alone["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Overloaded("Overloaded"), "server_error", 503),
        (RateLimited("Slow down"), "rate_limit_exceeded", 429),
        (UpstreamError("It broke with sk-ant-api03-CANARY0123456789"), "server_error", 502),
    ],
)
def test_t16_a_failure_is_a_failed_response_and_an_error(
    error: GatewayError, code: str, status: int
) -> None:
    encoder = stream()
    frames = encoder.feed((START, look(), BlockStop(0), TEXT, TextDelta(0, "Hel")))
    *_, failed, last = parsed(frames + encoder.fail(error, "req_1"))
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == code
    assert [item["type"] for item in failed["response"]["output"]] == ["function_call"]
    assert (last["type"], last["error"]["status"], last["request_id"]) == ("error", status, "req_1")
    assert last["message"] == last["error"]["message"]
    assert (last["code"], last["param"]) == (error.code, None)
    assert "CANARY" not in str((failed, last))


def test_t16_a_failure_before_anything_was_said_begins_the_response_first() -> None:
    found = parsed(stream().fail(UpstreamError("It broke"), "req_1"))
    assert names(found) == ["created", "in_progress", "failed", "error"]
    assert found[0]["response"]["model"] == "asked"
