from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest
from claude_gateway_anthropic import reader as module
from claude_gateway_anthropic.reader import EventReader
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway import (
    BlockStart,
    BlockStop,
    Event,
    GatewayError,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    NotFound,
    OtherDelta,
    OtherEvent,
    Overloaded,
    Ping,
    RateLimited,
    RawJson,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
)
from claude_gateway.testing.wire import error_event, sse, text_stream

END = sse("message_stop", {"type": "message_stop"})


def delta(index: int, **fields: object) -> bytes:
    data = {"type": "content_block_delta", "index": index, "delta": fields}
    return sse("content_block_delta", data)


def text(piece: str, index: int = 0) -> bytes:
    return delta(index, type="text_delta", text=piece)


def stop(index: int = 0) -> bytes:
    return sse("content_block_stop", {"type": "content_block_stop", "index": index})


def events(*pieces: bytes) -> list[Event]:
    reader = EventReader()
    read = [event for piece in pieces for event in reader.feed(piece)]
    assert reader.failure is None
    return read


def failure(*pieces: bytes) -> tuple[Sequence[Event], GatewayError]:
    """The events before the failure, and the failure."""
    reader = EventReader()
    read = [event for piece in pieces for event in reader.feed(piece)]
    with pytest.raises(GatewayError) as caught:
        reader.finish()
    return read, caught.value


# --- every kind


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (
            sse("message_start", {"type": "message_start", "message": {"id": "m"}}),
            MessageStart({"id": "m"}),
        ),
        (
            sse(
                "content_block_start",
                {"type": "content_block_start", "index": 2, "content_block": {"type": "new"}},
            ),
            BlockStart(2, {"type": "new"}),
        ),
        (delta(0, type="thinking_delta", thinking="Hm"), ThinkingDelta(0, "Hm")),
        (delta(0, type="signature_delta", signature="c2ln"), SignatureDelta(0, "c2ln")),
        (delta(1, type="input_json_delta", partial_json='{"a'), InputDelta(1, '{"a')),
        (
            delta(0, type="citations_delta", citation={"cited_text": "x"}),
            OtherDelta(0, {"type": "citations_delta", "citation": {"cited_text": "x"}}),
        ),
        (delta(0, type="new_delta", text=1), OtherDelta(0, {"type": "new_delta", "text": 1})),
        (stop(3), BlockStop(3)),
        (
            sse(
                "message_delta",
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 5},
                },
            ),
            MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 5}),
        ),
        (END, MessageStop()),
        (sse("ping", {"type": "ping"}), Ping()),
        (sse("news", {"type": "news", "a": [1]}), OtherEvent("news", {"type": "news", "a": [1]})),
    ],
)
def test_every_kind_of_event_is_read_and_its_bytes_are_kept(frame: bytes, event: Event) -> None:
    (read,) = events(frame)
    assert type(read) is type(event)
    assert read.frame == frame
    assert [getattr(read, n) for n in event.__match_args__ if n != "frame"] == [
        getattr(event, n) for n in event.__match_args__ if n != "frame"
    ]


def test_a_text_is_read_with_its_literal_and_its_frame() -> None:
    (read,) = events(text('Grüße "🦊"\n'))
    assert isinstance(read, TextDelta)
    assert (read.index, read.text, read.frame) == (0, 'Grüße "🦊"\n', text('Grüße "🦊"\n'))
    assert read.literal == 'Grüße \\"🦊\\"\\n'.encode()


def test_t08_what_upstream_changed_in_the_request_is_read_beside_the_last_delta() -> None:
    changed = [{"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "any"}]
    frame = sse(
        "message_delta",
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}
        | {"input_transformations": changed},
    )
    (read,) = events(frame)
    said = {"stop_reason": "end_turn", "input_transformations": changed}
    assert read == MessageDelta(said, {}, frame)


def test_a_message_delta_without_usage_has_none() -> None:
    (read,) = events(sse("message_delta", {"type": "message_delta", "delta": {}, "usage": None}))
    assert isinstance(read, MessageDelta)
    assert read.usage == {}


# --- frames of other shapes


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_other_line_ends_are_read_alike(ends: bytes) -> None:
    stream = b"".join([*text_stream("a", "b")])
    expected = events(stream)
    odd = stream.replace(b"\n", ends)
    assert events(odd) == expected
    for at in range(len(odd)):
        assert events(odd[:at], odd[at:]) == expected


def test_an_event_that_ends_with_cr_is_not_held_back() -> None:
    reader = EventReader()
    assert reader.feed(text("a").replace(b"\n", b"\r")) == [TextDelta(0, "a")]
    assert reader.feed(b"\n" + text("b")) == [TextDelta(0, "b")]


def test_comments_and_blank_lines_are_no_events() -> None:
    assert events(b": hello\n\n", b"\n\n\n", b":\n" + text("a")) == [TextDelta(0, "a")]


def test_data_on_several_lines_is_one_text() -> None:
    frame = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\n'
        b'data:"delta":{"type":"text_delta",\ndata: "text":"a"}}\n\n'
    )
    assert events(frame) == [TextDelta(0, "a")]


@pytest.mark.parametrize("name", [b"", b"event:ping\n", b"event\n", b"id: 1\nretry: 5\n"])
def test_the_type_in_the_data_is_what_counts(name: bytes) -> None:
    data = text("a").split(b"\n", 1)[1]
    assert events(name + data) == [TextDelta(0, "a")]


def test_the_events_name_counts_when_the_data_has_no_type() -> None:
    assert isinstance(events(b"event: ping\ndata: {}\n\n")[0], Ping)


@pytest.mark.parametrize("separators", [(", ", ": "), (" ,", " :"), (",", ":  ")])
def test_blanks_in_the_json_change_nothing(separators: tuple[str, str]) -> None:
    body = {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "ä"}}
    data = json.dumps(body, separators=separators).encode()
    assert events(b"event: content_block_delta\ndata: " + data + b"\n\n") == [TextDelta(7, "ä")]


def test_padding_behind_the_text_changes_nothing() -> None:
    frame = text("a").replace(b"}}\n", b"} }   \n")
    assert events(frame) == [TextDelta(0, "a")]


# --- characters


@pytest.mark.parametrize(
    ("literal", "meaning"),
    [
        (rb"\u00e9", "é"),
        (rb"\"\\\/\b\f\n\r\t", '"\\/\b\f\n\r\t'),
        ("🦊".encode(), "🦊"),
        (rb"\ud83e\udd8a", "🦊"),
        (rb"\u0000", "\0"),
        (rb"\\u00e9", "\\u00e9"),
        ("\u2028\x7f".encode(), "\u2028\x7f"),
    ],
)
def test_text_means_what_json_says(literal: bytes, meaning: str) -> None:
    assert events(text("@").replace(b"@", literal)) == [TextDelta(0, meaning)]


@pytest.mark.parametrize(
    "literal",
    [b"\xff", b"\xed\xa0\xbd", b"\xc0\xaf", b"\xf0\x9f", rb"\x41", rb"\u12", b"\x01", b"\n"],
)
def test_what_is_no_json_in_utf8_fails_after_the_events_before_it(literal: bytes) -> None:
    read, exc = failure(text("fine") + text("@").replace(b"@", literal))
    assert read == [TextDelta(0, "fine")]
    assert isinstance(exc, UpstreamError)
    assert exc.code == "upstream_malformed"


# --- what is not a stream of Anthropic's


@pytest.mark.parametrize(
    "frame",
    [
        b"data: [1]\n\n",
        b"data: {\n\n",
        b"data: [DONE]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"\n\n",
        sse("message_start", {"type": "message_start"}),
        sse("content_block_start", {"type": "content_block_start", "index": 0}),
        sse("content_block_stop", {"type": "content_block_stop", "index": True}),
        sse("content_block_delta", {"type": "content_block_delta", "index": 0}),
        sse("content_block_delta", {"type": "content_block_delta", "delta": {}}),
        sse("message_delta", {"type": "message_delta", "delta": []}),
    ],
)
def test_nonsense_is_an_upstream_error(frame: bytes) -> None:
    _, exc = failure(frame)
    assert isinstance(exc, UpstreamError)
    assert exc.code == "upstream_malformed"


ODD = b'{"a":1.10,"b":[-0, -0.0,1e2],"c":123456789012345678901,"d":7,"e":"1.10"}'
AS_WRITTEN = {
    "a": RawJson("1.10"),
    "b": [RawJson("-0"), -0.0, RawJson("1e2")],
    "c": RawJson("123456789012345678901"),
    "d": 7,
    "e": "1.10",
}


def test_t07_numbers_in_what_may_go_back_stay_as_they_were_written() -> None:
    start = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    start += b'"content_block":%b}\n\n' % ODD
    cited = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    cited += b'"delta":{"type":"citations_delta","citation":%b}}\n\n' % ODD
    assert events(start, cited) == [
        BlockStart(0, AS_WRITTEN, start),
        OtherDelta(0, {"type": "citations_delta", "citation": AS_WRITTEN}, cited),
    ]


def test_t07_they_stay_beside_half_a_character_too() -> None:
    half = ODD.replace(b'"1.10"', b'"\\ud83d"')
    start = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    start += b'"content_block":%b}\n\n' % half
    assert events(start) == [BlockStart(0, {**AS_WRITTEN, "e": "\ufffd"})]


def test_what_is_too_deep_for_the_exact_parser_is_read_all_the_same() -> None:
    deep = b'{"n":1.10,"deep":%b}' % (b"[" * 1_000 + b"]" * 1_000)
    start = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    [event] = events(start + b'"content_block":%b}\n\n' % deep)
    assert isinstance(event, BlockStart)
    assert event.block["n"] == 1.1


def test_a_frame_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_FRAME", 1_000)
    _, exc = failure(b"data: " + b"x" * 1_001)
    assert exc.code == "upstream_malformed"


@pytest.mark.parametrize("before", [[], [text("a")]])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("not_found_error", NotFound),
        ("api_error", UpstreamError),
        ("error_of_the_future", UpstreamError),
    ],
)
def test_an_error_event_comes_after_the_events_before_it(
    before: list[bytes], kind: str, error: type[GatewayError]
) -> None:
    read, exc = failure(b"".join([*before, error_event(kind, "So it is"), text("never")]))
    assert len(read) == len(before)
    assert type(exc) is error
    assert (exc.message, exc.type) == ("So it is", kind)


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        ("authentication_error", "upstream_auth_error", "api_error"),
        ("permission_error", "upstream_auth_error", "api_error"),
        ("billing_error", "upstream_billing_error", "billing_error"),
    ],
)
def test_t16_an_event_that_refuses_the_key_is_told_as_a_status_would_be(
    kind: str, code: str, told: str
) -> None:
    _, exc = failure(error_event(kind, "No"))
    assert (exc.status, exc.code, exc.type, exc.should_retry) == (502, code, told, False)


@pytest.mark.parametrize("data", [{"type": "error"}, {"type": "error", "error": "x"}])
def test_an_error_event_that_says_nothing_is_an_error_all_the_same(data: object) -> None:
    assert isinstance(failure(sse("error", data))[1], UpstreamError)


@pytest.mark.parametrize(
    ("stream", "where"),
    [(b"", "too early"), (text("a"), "too early"), (text("a")[:-1], "in the middle of an event")],
)
def test_a_stream_that_stops_too_early_is_an_error(stream: bytes, where: str) -> None:
    _, exc = failure(stream)
    assert (exc.code, where in exc.message) == ("upstream_truncated", True)


def test_nothing_is_read_behind_the_end() -> None:
    assert events(END + text("a") + stop(), text("b"), b": bye\n\n") == [MessageStop(END)]
    EventReader().feed(END)


def test_a_complete_stream_ends_without_complaint() -> None:
    reader = EventReader()
    reader.feed(b"".join(text_stream("a")))
    reader.finish()


def test_an_event_in_very_many_pieces_takes_time_in_proportion_to_its_size() -> None:
    frame = sse("news", {"type": "news", "a": "x" * 2**24})
    pieces = [frame[i : i + 2**10] for i in range(0, len(frame), 2**10)]
    began = time.process_time()
    assert len(events(*pieces)) == 1
    assert time.process_time() - began < 5  # joining them anew for each piece takes minutes


PIECES = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers(0, 2)
)


@given(st.lists(PIECES), st.lists(st.sampled_from([b"\n", b": ping\n\n", stop(1)]), max_size=3))
def test_both_roads_read_the_same_texts(said: list[tuple[str, int]], between: list[bytes]) -> None:
    fast = [text(piece, index) for piece, index in said]
    slow = [frame.replace(b'"text_delta",', b'"text_delta" ,') for frame in fast]
    mixed = [
        part for pair in zip(fast, [*between, *[b""] * len(fast)], strict=False) for part in pair
    ]
    read = [e for e in events(b"".join(mixed)) if isinstance(e, TextDelta)]
    ordinary = [e for e in events(b"".join(slow)) if isinstance(e, TextDelta)]
    assert [(e.index, e.text) for e in read] == [(e.index, e.text) for e in ordinary]
    assert [(e.index, e.text) for e in read] == [(index, piece) for piece, index in said]


def test_a_line_feed_that_comes_alone_after_its_return_does_not_hide_the_end_of_an_event() -> None:
    reader = EventReader()
    for piece in (b'event: ping\r\ndata: {"type":"ping"}\r', b"\n"):
        assert reader.feed(piece) == []
    (read,) = reader.feed(b"\r\n")
    assert isinstance(read, Ping)


def test_text_of_several_blocks_and_events_between_it_keep_their_order() -> None:
    ping = sse("ping", {"type": "ping"})
    pieces = [text("a"), text("b", 12), ping, text("b", 12), text("a"), text("c")]
    assert events(b"".join(pieces)) == [
        TextDelta(0, "a"),
        TextDelta(12, "b"),
        Ping(ping),
        TextDelta(12, "b"),
        TextDelta(0, "a"),
        TextDelta(0, "c"),
    ]
