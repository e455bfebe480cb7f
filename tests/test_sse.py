"""Frames, byte for byte."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway import sse

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=150)

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs included
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_an_unnamed_frame_is_one_data_line_and_a_blank_line() -> None:
    assert sse.data({"a": 1, "b": [None, True]}) == b'data: {"a":1,"b":[null,true]}\n\n'


def test_a_named_frame_has_its_name_first() -> None:
    assert sse.event("ping", {"type": "ping"}) == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_the_end_and_the_heartbeat_are_what_clients_know() -> None:
    assert sse.DONE == b"data: [DONE]\n\n"
    assert sse.PING == b": ping\n\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb", rb"a\nb"),
        ("a\rb", rb"a\rb"),
        ("a\r\nb", rb"a\r\nb"),
        ('say "no"', rb"say \"no\""),
        ("back\\slash", rb"back\\slash"),
        ("\x00", rb"\u0000"),
        ("\x1e", rb"\u001e"),
        ("line\u2028end", "line\u2028end".encode()),
        ("👩‍👩‍👧", "👩‍👩‍👧".encode()),
    ],
)
def test_text_stays_on_one_line(text: str, written: bytes) -> None:
    assert sse.data({"t": text}) == b'data: {"t":"%b"}\n\n' % written
    assert sse.literal(text) == written


def test_half_a_surrogate_pair_becomes_a_replacement_character_at_any_depth() -> None:
    frame = sse.data({"a": [{"b\udc00": "x\ud83dy"}]})
    assert frame == 'data: {"a":[{"b\ufffd":"x\ufffdy"}]}\n\n'.encode()


def test_two_halves_that_belong_together_become_their_character() -> None:
    assert sse.literal("\ud83d\ude00") == "😀".encode()


def test_numbers_above_64_bits_survive() -> None:
    assert sse.data({"n": 2**70, "m": -(2**70)}) == b'data: {"n":%d,"m":%d}\n\n' % (2**70, -(2**70))


@SAME_EVERY_TIME
@given(JSON)
def test_whatever_is_written_is_utf8_on_one_line_and_reads_back(value: object) -> None:
    frame = sse.data(value)
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert b"\n" not in frame[:-2]
    assert b"\r" not in frame
    assert json.loads(frame[6:].decode()) == mended(value)


ESCAPES = st.lists(
    st.sampled_from(
        [
            "\\ud83d",
            "\\ude00",
            "\\u0041",
            "\\\\",
            "\\n",
            '\\"',
            "u",
            "d83d",
            "a",
            "ä",
            "\\uDBFF",
            "\\uDC00",
        ]
    ),
    max_size=12,
).map("".join)


@SAME_EVERY_TIME
@given(ESCAPES)
def test_json_whose_escapes_are_made_whole_can_be_read_and_says_the_same(inside: str) -> None:
    text = f'"{inside}"'
    whole = sse.whole_escapes(text)
    assert orjson.loads(whole) == sse.whole_characters(json.loads(text))
    assert sse.whole_escapes(whole) == whole


@SAME_EVERY_TIME
@given(st.binary(max_size=80))
def test_of_any_bytes_making_escapes_whole_leaves_what_are_none(raw: bytes) -> None:
    text = raw.decode("latin-1")
    whole = sse.whole_escapes(text)
    if "\\u" not in text:
        assert whole == text


@SAME_EVERY_TIME
@given(JSON)
def test_sorted_and_unsorted_json_read_the_same(value: object) -> None:
    assert json.loads(sse.canonical(value)) == json.loads(sse.compact(value))


def mended(value: object) -> object:
    """As `value`, with whole characters."""
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mended(item) for item in value]
    return sse.whole_characters(value) if isinstance(value, str) else value
