"""Whatever bytes upstream sends, in whatever pieces: events, or one of the failures that are declared.

HOSTILE_TESTS=long tries much more.
"""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from claude_gateway_anthropic import reader as module
from claude_gateway_anthropic.reader import EventReader
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from claude_gateway import Event, GatewayError, sse

GOLDEN = Path(__file__).resolve().parents[3] / "tests/golden"
RECORDED = {
    path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse")) if "." not in path.stem
}
LONG = os.environ.get("HOSTILE_TESTS") == "long"
trying = settings(
    max_examples=20_000 if LONG else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MB = 2**20

FRAGMENTS = (
    *(
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b":",
        b": ping\n\n",
        b"data: ",
        b"data:",
        b"event: ",
        b"id: 1\n",
    ),
    *(b"event: content_block_delta\n", b"event: error\n", b"event: message_stop\n", b"retry: 1\n"),
    *(
        b'"index":',
        b'"index":-1',
        b'"index":99999999999',
        b'"text":"',
        b'"delta":null',
        b'"type":1',
    ),
    *(b"\\ud83d", b"\\ude00", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf"),
    *(b'{"a":' * 300, b"[" * 2_000, b"9" * 5_000, b"1e999", b"NaN", b"null", b"{}", b'""', b"\\"),
)
valid = st.sampled_from(sorted(RECORDED)).map(RECORDED.__getitem__)
places = st.integers(0, 2**20)
cuts = st.lists(places, max_size=12)
changes = st.lists(
    st.tuples(places, st.integers(0, 40), st.sampled_from(FRAGMENTS) | st.binary(max_size=6)),
    min_size=1,
    max_size=4,
)


def pieces(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut a stream anywhere; where two cuts meet there is an empty piece."""
    places = sorted(cut % (len(stream) + 1) for cut in cuts)
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


def mutated(stream: bytes, changes: Sequence[tuple[int, int, bytes]]) -> bytes:
    for at, gone, instead in changes:
        where = at % (len(stream) + 1)
        stream = stream[:where] + instead + stream[where + gone :]
    return stream


def read(parts: Sequence[bytes]) -> tuple[list[Event], str]:
    """Read as the backend does: to the end, or to the first failure. Return events and how it ended."""
    reader, events = EventReader(), list[Event]()
    for part in parts:
        events += reader.feed(part)
        if reader.failure is not None:
            break
    try:
        reader.finish()
    except GatewayError as exc:
        return events, f"{exc.code}: {exc.message}"
    return events, "well"


def shown(read: tuple[list[Event], str]) -> tuple[list[str], str]:
    """Return what a client would be told; how a text was read makes no difference."""
    return [f"{type(event).__name__} {event!r}" for event in read[0]], read[1]


@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_is_the_same_byte_by_byte(name: str) -> None:
    stream = RECORDED[name]
    assert shown(read([stream[i : i + 1] for i in range(len(stream))])) == shown(read([stream]))


@trying
@given(valid, cuts, st.sampled_from([b"\n", b"\r\n", b"\r"]))
@example(RECORDED["text"], [21, 21], b"\r\n")  # nothing came between a CR and its LF
def test_wherever_a_stream_is_cut_its_events_are_the_same(
    stream: bytes, cuts: list[int], line_end: bytes
) -> None:
    sent = stream.replace(b"\n", line_end)
    assert shown(read(pieces(sent, cuts))) == shown(read([stream]))


@trying
@given(valid, changes, cuts)
def test_a_spoilt_stream_ends_as_declared_wherever_it_is_cut(
    stream: bytes, changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    spoilt = mutated(stream, changes)
    whole, parts = read([spoilt]), read(pieces(spoilt, cuts))
    assert shown(parts) == shown(whole)
    for event in whole[0]:
        sse.compact(getattr(event, "data", None))  # what is read can be written


@trying
@given(
    st.binary(max_size=300) | st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join), cuts
)
def test_any_bytes_are_events_or_a_declared_failure(stream: bytes, cuts: list[int]) -> None:
    assert shown(read(pieces(stream, cuts))) == shown(read([stream]))


ENDLESS = {
    "a line": b"x" * 1_000,
    "data": b'data: {"type":"ping"}\n',
    "a text": rb"\ud83d",
    "deep": b'[{"a":',
    "white": b" \t",
}


@pytest.mark.parametrize("piece", ENDLESS.values(), ids=ENDLESS)
def test_an_event_without_end_is_refused_at_its_bound_in_time_and_memory(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_FRAME", MB)
    reader, block = EventReader(), piece * (16_384 // len(piece))
    began, fed = time.process_time(), 0
    tracemalloc.start()
    try:
        while reader.failure is None:
            reader.feed(block)
            fed += len(block)
            assert fed <= 2 * MB
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 4 * MB
    assert time.process_time() - began < 5
    with pytest.raises(GatewayError, match="larger than"):
        reader.finish()


def test_many_small_pieces_of_one_large_event_take_no_longer_than_they_should() -> None:
    """Kept pieces are joined once: twice as many must not take four times as long."""
    took = []
    for count in (20_000, 40_000):
        reader, began = EventReader(), time.process_time()
        for _ in range(count):
            reader.feed(b"data: abcdefgh\r\n")
        took.append(time.process_time() - began)
    assert took[1] < 3 * took[0] + 0.2


def test_after_its_end_a_stream_says_nothing_more() -> None:
    reader = EventReader()
    reader.feed(RECORDED["text"])
    assert reader.finished
    assert reader.feed(b"event: error\ndata: {}\n\n") == []
    reader.finish()
