"""A stream, folded into the message that would have come in one piece."""

from __future__ import annotations

import pytest

from claude_gateway.engine.fold import Fold
from claude_gateway.errors import UpstreamError
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
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer

START = MessageStart({"id": "msg_1", "model": "m", "usage": {"input_tokens": 7}})
STOP = MessageStop()
TEXT = {"type": "text", "text": ""}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}


def folded(*events: Event) -> Answer:
    fold = Fold()
    for event in (START, *events, STOP):
        fold.add(event)
    return fold.answer()


def content(*events: Event) -> object:
    return folded(*events).message["content"]


def exact(*events: Event) -> bool:
    fold = Fold()
    for event in (START, *events, STOP):
        fold.add(event)
    fold.answer()
    return fold.exact


def called(*partial: str, given: object = None) -> object:
    start = BlockStart(0, {**CALL, "input": given if given is not None else {}})
    return content(start, *(InputDelta(0, piece) for piece in partial), BlockStop(0))


def test_text_is_put_together_block_by_block() -> None:
    assert content(
        BlockStart(0, TEXT),
        TextDelta(0, "Hel"),
        TextDelta(0, literal=b"lo\\n"),
        BlockStop(0),
        BlockStart(1, {"type": "text", "text": "Al"}),
        TextDelta(1, "so"),
        BlockStop(1),
    ) == [{"type": "text", "text": "Hello\n"}, {"type": "text", "text": "Also"}]


def test_thinking_keeps_its_signature() -> None:
    assert content(
        BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""}),
        ThinkingDelta(0, "Hm"),
        ThinkingDelta(0, "."),
        SignatureDelta(0, "c2ln"),
        BlockStop(0),
    ) == [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]


def test_t06_thinking_that_is_not_shown_is_kept_with_its_signature() -> None:
    start = BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""})
    assert content(start, SignatureDelta(0, "c2ln")) == [
        {"type": "thinking", "thinking": "", "signature": "c2ln"}
    ]


@pytest.mark.parametrize(
    ("partial", "input_"),
    [
        (('{"ci', 'ty":"Chur"}'), RawJson('{"city":"Chur"}')),
        ((), {}),
        (("",), {}),
        ((" ", "\n"), {}),
    ],
)
def test_the_pieces_of_an_input_belong_together(partial: tuple[str, ...], input_: object) -> None:
    assert called(*partial) == [{**CALL, "input": input_}]


@pytest.mark.parametrize(
    "text",
    [
        '{"n":123456789012345678901234567890}',
        '{"n":1.10, "m":-0.0,"e":1E+2}',
        '{"n":' + "1" * 5000 + "}",
        r'{"b":"\u00e9\/","a":"\ud83d\ude00"}',
        '{ "z":1,\n"a":2 }',
    ],
    ids=lambda text: text[:20],
)
def test_t07_an_input_stays_as_the_model_wrote_it(text: str) -> None:
    assert called(text) == [{**CALL, "input": RawJson(text)}]


@pytest.mark.parametrize("cut", ['{"city":"Ch', '{"n": NaN}', "[" * 100_000])
def test_an_input_that_is_no_json_stays_text_and_cannot_go_back(cut: str) -> None:
    assert called(cut) == [{**CALL, "input": cut}]
    assert not exact(BlockStart(0, CALL), InputDelta(0, cut))


@pytest.mark.parametrize("partial", [(), ("",)])
def test_an_input_that_came_with_the_start_stands_when_nothing_follows(
    partial: tuple[str, ...],
) -> None:
    assert called(*partial, given={"a": 1}) == [{**CALL, "input": {"a": 1}}]


def test_an_input_that_is_streamed_replaces_what_came_with_the_start() -> None:
    assert called('{"b":2}', given={"a": 1}) == [{**CALL, "input": RawJson('{"b":2}')}]


def test_citations_are_collected() -> None:
    first, second = {"cited_text": "a"}, {"cited_text": "b"}
    assert content(
        BlockStart(0, {**TEXT, "citations": None}),
        OtherDelta(0, {"type": "citations_delta", "citation": first}),
        TextDelta(0, "A"),
        OtherDelta(0, {"type": "citations_delta", "citation": second}),
    ) == [{"type": "text", "text": "A", "citations": [first, second]}]


def test_what_is_unknown_is_kept_or_passed_over() -> None:
    block = {"type": "hologram", "depth": 3}
    assert content(
        Ping(),
        BlockStart(0, block),
        OtherDelta(0, {"type": "light_delta", "light": 1}),
        OtherDelta(7, {"type": "citations_delta", "citation": {}}),
        TextDelta(9, "of no block"),
        OtherEvent("weather", {"type": "weather"}),
        BlockStop(0),
    ) == [block]


@pytest.mark.parametrize(
    ("delta", "known"),
    [
        (OtherDelta(0, {"type": "citations_delta", "citation": {"cited_text": "a"}}), True),
        (OtherDelta(0, {"type": "light_delta", "light": 1}), False),
        (OtherDelta(7, {"type": "citations_delta", "citation": {}}), False),
    ],
    ids=["a citation", "of the future", "of no block"],
)
def test_t04_a_block_is_only_exact_while_every_delta_in_it_is_known(
    delta: Event, known: bool
) -> None:
    assert exact(BlockStart(0, TEXT), TextDelta(0, "A"), delta, BlockStop(0)) is known


def test_blocks_stand_in_the_order_of_their_indexes() -> None:
    one, two = {"type": "text", "text": "1"}, {"type": "text", "text": "2"}
    assert content(BlockStart(1, two), BlockStart(0, one)) == [one, two]


def test_t18_the_last_usage_wins_count_by_count() -> None:
    message = folded(
        MessageDelta({"stop_reason": None}, {"output_tokens": 3, "input_tokens": None}),
        MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 9}),
    ).message
    assert message["usage"] == {"input_tokens": 7, "output_tokens": 9}
    assert message["stop_reason"] == "end_turn"


def test_a_usage_that_only_comes_at_the_end_counts() -> None:
    fold = Fold()
    for event in (MessageStart({"id": "msg_1"}), MessageDelta({}, {"output_tokens": 1}), STOP):
        fold.add(event)
    assert fold.answer().message["usage"] == {"output_tokens": 1}


def test_headers_of_the_acceptance_are_the_answers() -> None:
    assert folded(Accepted({"request-id": "req_1"})).headers == {"request-id": "req_1"}


def test_an_answer_can_be_asked_for_twice() -> None:
    fold = Fold()
    for event in (START, BlockStart(0, {"type": "text", "text": "a"}), TextDelta(0, "b"), STOP):
        fold.add(event)
    assert fold.answer() == fold.answer()


def test_t16_a_stream_without_its_end_is_no_answer() -> None:
    fold = Fold()
    fold.add(START)
    with pytest.raises(UpstreamError, match="before the answer was whole"):
        fold.answer()
