"""Padded chunks: sizes that tell nothing, and otherwise what was there before."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.dialects.openai.padding import BUCKET, Padded, padded, wanted
from claude_gateway.errors import Overloaded
from claude_gateway.types.events import BlockStop, Event, InputDelta, TextDelta, ThinkingDelta
from tests.dialects.openai.test_stream import START, TEXT, call, ending, stream

texts = st.text(max_size=300)
deltas = st.one_of(
    st.builds(TextDelta, st.just(0), texts),
    st.builds(ThinkingDelta, st.just(0), texts),
    st.builds(InputDelta, st.just(1), texts),
)


def framed(frames: bytes) -> list[bytes]:
    return [frame + b"\n\n" for frame in frames.split(b"\n\n")[:-1]]


def without(frame: bytes) -> object:
    if frame == b"data: [DONE]\n\n":
        return frame
    chunk = json.loads(frame.removeprefix(b"data: "))
    assert isinstance(chunk.pop("obfuscation", ""), str)
    return chunk


@given(st.lists(deltas, max_size=20))
def test_s17_every_padded_chunk_is_a_multiple_long_and_says_the_same(said: list[Event]) -> None:
    events = (START, TEXT, call(1), *said, BlockStop(0), *ending())
    plain, hidden = framed(stream().feed(events)), framed(Padded(stream()).feed(events))
    assert [without(frame) for frame in hidden] == [without(frame) for frame in plain]
    assert all(len(frame) % BUCKET == 0 for frame in hidden[:-1])
    assert hidden[-1] == b"data: [DONE]\n\n"


@given(st.text("abcdefghij", min_size=1, max_size=8), st.text("klmno ", min_size=1, max_size=8))
def test_s17_short_pieces_of_text_have_one_size(one: str, other: str) -> None:
    hidden, plain = Padded(stream()), stream()
    hidden.feed((START, TEXT))
    plain.feed((START, TEXT))
    assert len(hidden.feed([TextDelta(0, one)])) == len(hidden.feed([TextDelta(0, other)]))
    if len(one) != len(other):  # which is what is hidden
        assert len(plain.feed([TextDelta(0, one)])) != len(plain.feed([TextDelta(0, other)]))


def test_nothing_is_padded_that_is_no_chunk_or_that_nobody_asked_for() -> None:
    assert padded(b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    plain = stream()
    assert wanted(plain, pads=False) is plain
    assert isinstance(wanted(plain, pads=True), Padded)
    assert Padded(stream()).feed([]) == b""
    error = Overloaded("Too much.")
    assert Padded(stream()).fail(error, "req_1") == stream().fail(error, "req_1")
