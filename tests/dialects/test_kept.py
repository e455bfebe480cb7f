"""What stored frames say."""

from __future__ import annotations

import pytest

from claude_gateway import Unavailable
from claude_gateway.dialects import kept
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.dialects.numbering import numbered
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.types.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageStart,
    TextDelta,
    ThinkingDelta,
)

EVENTS: list[Event] = [
    MessageStart({"id": "msg_1", "model": "m", "usage": {}}),
    BlockStart(0, {"type": "thinking", "thinking": ""}),
    ThinkingDelta(0, "never mind"),
    BlockStop(0),
    BlockStart(1, {"type": "text", "text": "It "}),
    TextDelta(1, 'was "dark"\n'),
    TextDelta(1, literal=b"and \xc3\xa9"),
    BlockStop(1),
    BlockStart(2, {"type": "tool_use", "id": "t", "name": "n", "input": {}}),
    InputDelta(2, '{"text":"no"'),
]
ENCODERS: dict[str, Encoder] = {
    kept.OPENAI: ChatStream(0, "m", include_usage=True),
    kept.ANTHROPIC: MessageStream(),
}


@pytest.mark.parametrize("dialect", ENCODERS)
def test_the_text_of_an_answer_is_read_from_its_frames(dialect: str) -> None:
    frames, _ = numbered(ENCODERS[dialect].feed(EVENTS), 1)
    assert kept.said(dialect, frames) == 'It was "dark"\nand \u00e9'


@pytest.mark.parametrize(
    ("dialect", "last"), [(kept.OPENAI, b"data: [DONE]\n\n"), (kept.ANTHROPIC, b"}\n\n")]
)
def test_t16_a_stream_that_nobody_ended_gets_an_error_as_its_end(dialect: str, last: bytes) -> None:
    frames = kept.ended(dialect, Unavailable("Stopped.", code="interrupted"), "req_1")
    assert b'"code":"interrupted"' in frames
    assert frames.endswith(last)
