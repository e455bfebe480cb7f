"""Events as Anthropic's frames: the very bytes that came, or what Anthropic would have written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from claude_gateway import sse
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.engine.fold import Fold
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

READ: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
MESSAGE: dict[str, object] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 1},
}
ANSWER: list[Event] = [
    Accepted({"request-id": "req_1"}),
    MessageStart(MESSAGE),
    BlockStart(0, {"type": "thinking", "thinking": "", "signature": ""}),
    ThinkingDelta(0, "Hm\n"),
    SignatureDelta(0, "c2ln"),
    BlockStop(0),
    Ping(),
    BlockStart(1, {"type": "text", "text": ""}),
    TextDelta(1, "Hel"),
    TextDelta(1, literal=b'lo \\"you\\"'),
    BlockStop(1),
    BlockStart(2, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}),
    InputDelta(2, '{"city":'),
    InputDelta(2, '"Chur"}'),
    BlockStop(2),
    MessageDelta({"stop_reason": "tool_use", "stop_sequence": None}, {"output_tokens": 9}),
    MessageStop(),
]
FRAME = b'event: x\ndata: {"kept" : "as it came"}\n\n'


@pytest.mark.parametrize(
    "event",
    [
        TextDelta(0, "a", frame=FRAME),
        ThinkingDelta(0, "a", FRAME),
        SignatureDelta(0, "a", FRAME),
        InputDelta(0, "a", FRAME),
        OtherDelta(0, {}, FRAME),
        BlockStart(0, {}, FRAME),
        BlockStop(0, FRAME),
        MessageStart({}, FRAME),
        MessageDelta({}, {}, FRAME),
        MessageStop(FRAME),
        Ping(FRAME),
        OtherEvent("x", {}, FRAME),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_frame_passes_unchanged(event: Event) -> None:
    assert MessageStream().feed([event, event]) == FRAME + FRAME


@pytest.mark.parametrize(
    ("event", "frame"),
    [
        (Accepted(), b""),
        (Ping(), b'event: ping\ndata: {"type":"ping"}\n\n'),
        (MessageStop(), b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        (
            OtherEvent("weather", {"type": "weather"}),
            b'event: weather\ndata: {"type":"weather"}\n\n',
        ),
        (
            TextDelta(3, "a\nb"),
            (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":3,'
                b'"delta":{"type":"text_delta","text":"a\\nb"}}\n\n'
            ),
        ),
        (
            OtherDelta(3, {"type": "citations_delta", "citation": {}}),
            (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":3,'
                b'"delta":{"type":"citations_delta","citation":{}}}\n\n'
            ),
        ),
        (
            MessageDelta({"stop_reason": "end_turn", "input_transformations": [{}]}, {}),
            (
                b'event: message_delta\ndata: {"type":"message_delta",'
                b'"delta":{"stop_reason":"end_turn"},"usage":{},"input_transformations":[{}]}\n\n'
            ),
        ),
        (
            BlockStop(3),
            b'event: content_block_stop\ndata: {"type":"content_block_stop","index":3}\n\n',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_without_a_frame_is_written(event: Event, frame: bytes) -> None:
    assert MessageStream().feed([event]) == frame


def test_anthropics_own_accumulator_reads_what_is_written() -> None:
    snapshot: Any = None
    inputs: dict[int, bytes] = {}
    for name, data in frames(MessageStream().feed(ANSWER)):
        assert data["type"] == name
        if name != "ping":
            event = READ.validate_python(data)
            snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=inputs)
    fold = Fold()
    for said in ANSWER:
        fold.add(said)
    wanted = Message.model_validate_json(sse.compact(fold.answer().message))
    assert Message.model_validate(snapshot.to_dict()) == wanted
    assert [block.type for block in wanted.content] == ["thinking", "text", "tool_use"]


def frames(written: bytes) -> list[tuple[str, Any]]:
    found = []
    for frame in written.decode().removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_events_may_come_one_by_one() -> None:
    encoder = MessageStream()
    assert b"".join(encoder.feed([event]) for event in ANSWER) == MessageStream().feed(ANSWER)


def test_t16_a_failure_is_an_error_event() -> None:
    [(name, data)] = frames(MessageStream().fail(Overloaded("Try later."), "req_1"))
    assert (name, data["type"], data["request_id"]) == ("error", "error", "req_1")
    assert data["error"]["type"] == "overloaded_error"
    assert data["error"]["message"] == "Try later."
