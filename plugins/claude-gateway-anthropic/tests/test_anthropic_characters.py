"""Characters cut in half by upstream, and streams cut anywhere by the network."""

from __future__ import annotations

import json
from collections.abc import Sequence

import orjson
import pytest
from claude_gateway_anthropic.reader import EventReader
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageStart,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from claude_gateway.testing.wire import PING, sse, stream, text, thinking, tool_use

FOX = "🦊"
FIRST, SECOND = rb"\ud83e", rb"\udd8a"
PIECES = {
    "text_delta": ("text", TextDelta),
    "thinking_delta": ("thinking", ThinkingDelta),
    "input_json_delta": ("partial_json", InputDelta),
}
# Everything an answer can hold, in the shapes that the API and the proxies before it write.
RECORDED = b"".join(
    [
        b": welcome\n\n",
        *stream(
            thinking("Hm, ", "Grüße", signature="c2ln"),
            text("Hello", ' "world" \\ \n', FOX, "a" * 300),
            tool_use("weather", '{"city": "Kö', 'ln"}'),
            tool_use("none"),
        )[:-2],
        sse("news", {"type": "news", "of": [FOX, None, 1.5]}),
        b'data: {"type": "content_block_start", "index": 4, "content_block": {"type": "x"}}\n\n',
        (
            b'event: content_block_delta\ndata: {"type":"content_block_delta",\n'
            b'data: "index":4,"delta":{"type":"text_delta","text":"caf\\u00e9"}}\n\n'
        ),
        (
            b'data: {"type":"content_block_delta","index":4,"delta":{"type":"text_delta",'
            b'"text":"a\\ud83e"}}\r\n\r\n'
        ),
        PING,
        (
            b'data: {"type":"content_block_delta","index":4,"delta":{"type":"text_delta",'
            b'"text":"\\udd8ab\\ud83e"}}\n\n'
        ),
        b'data: {"type":"content_block_stop","index":4}\n\n',
        *stream()[-2:],
    ]
)


def delta(kind: str, literal: bytes, index: int = 0) -> bytes:
    key, _ = PIECES[kind]
    blank = sse(
        "content_block_delta",
        {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: "@"}},
    )
    return blank.replace(b'"@"', b'"' + literal + b'"')


def stop(index: int = 0) -> bytes:
    return sse("content_block_stop", {"type": "content_block_stop", "index": index})


def read(*pieces: bytes) -> list[Event]:
    reader = EventReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert reader.failure is None
    return events


def piece(event: Event) -> str:
    match event:
        case TextDelta(_, said) | ThinkingDelta(_, said) | InputDelta(_, said):
            return said
        case _:
            raise AssertionError(event)


# --- halves


@pytest.mark.parametrize("kind", PIECES)
def test_a_pair_split_across_two_deltas_is_joined(kind: str) -> None:
    first, second, last = read(
        delta(kind, b"a" + FIRST), delta(kind, SECOND + b"b"), delta(kind, b"c")
    )
    assert {type(event) for event in (first, second, last)} == {PIECES[kind][1]}
    assert [piece(event) for event in (first, second, last)] == ["a", FOX + "b", "c"]
    assert (first.frame, second.frame) == (None, None)  # bytes with half a character in them
    assert last.frame == delta(kind, b"c")


@pytest.mark.parametrize("kind", PIECES)
def test_a_delta_that_is_only_half_a_character_waits(kind: str) -> None:
    (joined,) = read(delta(kind, FIRST), delta(kind, SECOND))
    assert piece(joined) == FOX


@pytest.mark.parametrize("kind", PIECES)
def test_a_half_that_stays_alone_is_replaced_when_its_block_ends(kind: str) -> None:
    said, instead, end = read(delta(kind, b"a" + FIRST), stop())
    assert type(said) is type(instead) is PIECES[kind][1]
    assert [piece(said), piece(instead)] == ["a", "\ufffd"]
    assert isinstance(end, BlockStop)


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize(
    ("first", "second", "meaning"),
    [
        (b"a", SECOND + b"b", "a\ufffdb"),
        (FIRST, b"b", "\ufffdb"),
        (FIRST, FIRST + SECOND, "\ufffd" + FOX),
        (FIRST + b"-" + FIRST, SECOND, "\ufffd-" + FOX),
        (SECOND + FIRST, SECOND, "\ufffd" + FOX),
        (b"\xef\xbb\xbf" + FIRST, SECOND, "\ufeff" + FOX),
    ],
)
def test_halves_that_do_not_belong_together_are_replaced(
    kind: str, first: bytes, second: bytes, meaning: str
) -> None:
    events = read(delta(kind, first), delta(kind, second))
    assert "".join(map(piece, events)) == meaning


def test_halves_of_different_blocks_are_not_joined() -> None:
    events = read(
        delta("text_delta", FIRST, 0),
        delta("text_delta", SECOND, 1),
        delta("text_delta", SECOND, 0),
        stop(0),
    )
    assert events[:2] == [TextDelta(1, "\ufffd"), TextDelta(0, FOX)]


def test_what_comes_between_two_halves_is_not_lost() -> None:
    events = read(delta("text_delta", FIRST), PING, delta("text_delta", SECOND))
    assert [type(event) for event in events] == [Ping, TextDelta]


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{"type":"message_start","message":{"id":"@"}}', MessageStart),
        (
            b'{"type":"content_block_start","index":0,"content_block":{"type":"x","@":["@"]}}',
            BlockStart,
        ),
        (
            (
                b'{"type":"content_block_delta","index":0,"delta":'
                b'{"type":"citations_delta","citation":{"cited_text":"@"}}}'
            ),
            OtherDelta,
        ),
        (
            (
                b'{"type":"content_block_delta","index":0,"delta":'
                b'{"type":"signature_delta","signature":"@"}}'
            ),
            SignatureDelta,
        ),
        (b'{"type":"@","a":"@"}', OtherEvent),
    ],
)
def test_half_a_character_elsewhere_is_replaced(frame: bytes, kind: type[Event]) -> None:
    (event,) = read(b"data: " + frame.replace(b"@", FIRST) + b"\n\n")
    assert type(event) is kind
    assert event.frame is None
    fields = [getattr(event, name) for name in event.__match_args__]
    assert "\ufffd" in orjson.dumps(fields).decode()  # it refuses what is no Unicode


# --- cuts


def same(events: Sequence[Event], others: Sequence[Event]) -> bool:
    return list(events) == list(others) and [e.frame for e in events] == [e.frame for e in others]


def test_a_stream_cut_anywhere_gives_the_same_events() -> None:
    expected = read(RECORDED)
    assert len({type(event) for event in expected}) == 11
    for at in range(1, len(RECORDED)):
        assert same(read(RECORDED[:at], RECORDED[at:]), expected), at


def test_a_stream_that_arrives_byte_by_byte_gives_the_same_events() -> None:
    assert same(read(*(RECORDED[i : i + 1] for i in range(len(RECORDED)))), read(RECORDED))


@given(st.lists(st.integers(1, len(RECORDED) - 1), max_size=20, unique=True).map(sorted))
def test_a_stream_cut_into_any_pieces_gives_the_same_events(cuts: list[int]) -> None:
    ends = zip([0, *cuts], [*cuts, len(RECORDED)], strict=True)
    assert same(read(*(RECORDED[a:b] for a, b in ends)), read(RECORDED))


# --- both roads


@given(st.text(), st.integers(0, 99), st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_the_fast_road_and_the_slow_one_lead_to_the_same_text(
    said: str, index: int, separators: tuple[str, str], escaped: bool
) -> None:
    body = {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": "text_delta", "text": said},
    }
    data = json.dumps(body, separators=separators, ensure_ascii=escaped).encode()
    (event,) = read(b"event: content_block_delta\ndata: " + data + b"\n\n")
    assert event == TextDelta(index, said)
    assert isinstance(event, TextDelta)
    assert event.literal is None or json.loads(b'"' + event.literal + b'"') == said


@given(st.lists(st.sampled_from([b"a", b"\xc3\xa4", FIRST, SECOND, FIRST + SECOND]), max_size=12))
def test_however_text_is_cut_into_deltas_it_reads_as_if_it_was_not(parts: list[bytes]) -> None:
    together = json.loads(b'"' + b"".join(parts) + b'"')
    meaning = together.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    events = read(*(delta("text_delta", part) for part in parts), stop())
    assert "".join(map(piece, events[:-1])) == meaning
    assert all(piece(event).encode() for event in events[:-1])
