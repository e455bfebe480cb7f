"""However many rounds a turn has, the joined stream says what they said together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway import (
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
from claude_gateway.engine.fold import Fold
from claude_gateway.engine.joining import Joiner
from claude_gateway.engine.rounds import joined
from claude_gateway.testing.grammar import check_order
from claude_gateway.types.requests import Answer

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=200)

WORDS = st.text("a é😀\\n\"'", max_size=4)
CITED = st.fixed_dictionaries({"cited_text": WORDS})
KINDS = st.sampled_from(["text", "thinking", "server_tool_use", "redacted_thinking", "hologram"])
NOISE: st.SearchStrategy[list[Event]] = st.lists(
    st.sampled_from([Ping(b": x"), OtherEvent("weather", {"n": 1})]), max_size=1
)
COUNTS = st.fixed_dictionaries(
    {"output_tokens": st.integers(0, 9)},
    optional={
        "input_tokens": st.integers(0, 9) | st.none(),
        "server_tool_use": st.fixed_dictionaries({"web_search_requests": st.integers(0, 3)}),
        "iterations": st.just([{"type": "message"}]),
    },
)


@st.composite
def blocks(draw: st.DrawFn, index: int) -> list[Event]:
    kind, frame = draw(KINDS), draw(st.none() | st.just(b"frame"))
    start: dict[str, object] = {"type": kind}
    deltas: list[Event] = []
    if kind == "text":
        start["text"] = draw(WORDS)
        deltas = draw(st.lists(text_deltas(index), max_size=3))
    elif kind == "thinking":
        start |= {"thinking": "", "signature": ""}
        deltas = [ThinkingDelta(index, word, frame) for word in draw(st.lists(WORDS, max_size=2))]
        deltas.append(SignatureDelta(index, draw(WORDS), frame))
    elif kind == "server_tool_use":
        start |= {"id": "srvtoolu_1", "input": {}}
        text = draw(st.sampled_from(["", '{"q":1.10}', '{"q":"\\u00e9"}', '{"q":']))
        at = draw(st.integers(0, len(text)))
        deltas = [InputDelta(index, text[:at], frame), InputDelta(index, text[at:], frame)]
    return [BlockStart(index, start, frame), *deltas, *draw(NOISE), BlockStop(index, frame)]


def text_deltas(index: int) -> st.SearchStrategy[Event]:
    return st.one_of(
        WORDS.map(lambda word: cast("Event", TextDelta(index, word, frame=b"frame"))),
        st.just(TextDelta(index, literal=b"say \\n", frame=b"frame")),
        CITED.map(lambda cited: OtherDelta(index, {"citation": cited}, b"frame")),
    )


@st.composite
def rounds(draw: st.DrawFn, number: int, stop_reason: str) -> list[Event]:
    """One answer, with its end in one delta or in two."""
    usage = {"input_tokens": draw(st.integers(0, 9)), "output_tokens": 1}
    message = {"id": f"msg_{number}", "role": "assistant", "model": f"m-{number}", "usage": usage}
    said = [draw(blocks(index)) for index in range(draw(st.integers(0, 3)))]
    early: list[Event] = [MessageDelta({"stop_reason": None}, {"output_tokens": 2})]
    return [
        Accepted({"request-id": f"{number}"}),
        MessageStart(message),
        *draw(NOISE),
        *(event for block in said for event in block),
        *draw(st.sampled_from([early, []])),
        *draw(NOISE),
        MessageDelta({"stop_reason": stop_reason, "stop_sequence": None}, draw(COUNTS)),
        MessageStop(),
    ]


@st.composite
def turns(draw: st.DrawFn) -> list[list[Event]]:
    pauses = draw(st.integers(0, 5))
    paused = [draw(rounds(number, "pause_turn")) for number in range(pauses)]
    last = draw(st.sampled_from(["end_turn", "tool_use", "pause_turn", "refusal"]))
    return [*paused, draw(rounds(pauses, last))]


def folded(events: Sequence[Event]) -> Answer:
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.answer()


def in_batches(events: Sequence[Event], sizes: Sequence[int]) -> list[Sequence[Event]]:
    batches, rest = [], list(events)
    for size in sizes:
        batches.append(rest[:size])
        rest = rest[size:]
    return [*batches, rest]


@SAME_EVERY_TIME
@given(turns(), st.lists(st.integers(1, 4), max_size=5))
def test_t18_a_joined_stream_folds_to_what_its_rounds_say_together(
    turn: list[list[Event]], sizes: list[int]
) -> None:
    joiner, stream = Joiner(), list[Event]()
    for number, said in enumerate(turn):
        if number:
            joiner.next_round()
        for batch in in_batches(said, sizes):
            stream += joiner.feed(batch)
        answer, _ = joiner.heard()
        assert answer == folded(said)
    stream += joiner.end()

    check_order(stream)
    answers: list[Any] = [folded(said) for said in turn]
    whole = joined(answers, [answer.message["content"] for answer in answers])
    assert folded(stream) == whole
    kinds = [type(event) for said in turn for event in said]
    ends = (Accepted, MessageStart, MessageDelta, MessageStop)
    assert [k for k in map(type, stream) if k not in ends] == [k for k in kinds if k not in ends]


@SAME_EVERY_TIME
@given(turns())
def test_the_first_round_is_passed_on_as_the_very_events(turn: list[list[Event]]) -> None:
    joiner, said = Joiner(), turn[-1]
    shown = [*joiner.feed(said), *joiner.end()]
    late = [e for e in said if type(e) in (MessageDelta, MessageStop)]
    early = [e for e in said if type(e) not in (MessageDelta, MessageStop)]
    assert [id(event) for event in shown] == [id(event) for event in (*early, *late)]
