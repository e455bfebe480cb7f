"""What a run has said so far."""

from __future__ import annotations

import pytest

from claude_gateway import sse
from claude_gateway.engine.fold import Fold
from claude_gateway.runs.gathering import Gathering
from claude_gateway.types.events import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextDelta,
    ThinkingDelta,
)


def encoded(index: int, *texts: str) -> list[Event]:
    return [TextDelta(index, literal=sse.literal(text)) for text in texts]


def decoded(index: int, *texts: str) -> list[Event]:
    return [TextDelta(index, text) for text in texts]


def answer(*said: Event) -> list[Event]:
    start: list[Event] = [Accepted(), MessageStart({"id": "msg_1"})]
    blocks = [BlockStart(index, {"type": "text", "text": ""}) for index in range(2)]
    end: list[Event] = [
        BlockStop(0),
        MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 3}),
    ]
    return [*start, *blocks, *said, *end, MessageStop()]


SAID = {
    "a burst": encoded(0, *"abcdefghij", '"\n\\', "\u00e9\u2028"),
    "blocks in turns": [*encoded(0, *"abc"), *encoded(1, *"def"), *encoded(0, *"ghi")],
    "blocks that mingle": [
        event for pair in "abcdef" for i in (0, 1) for event in encoded(i, pair)
    ],
    "with pieces that are decoded": [*encoded(0, *"abcd"), *decoded(0, *"efgh")],
    "a character in two halves": [*encoded(0, *"abcdefg"), *decoded(0, "\ud83d", "\ude00")],
    "pieces without text": [*encoded(0, "a", "", "b", ""), *decoded(0, "", "c", "")],
    "thinking in between": [*encoded(0, *"abcd"), ThinkingDelta(1, "hm"), *encoded(0, *"efgh")],
}


@pytest.mark.parametrize("said", SAID)
def test_a_burst_says_what_its_pieces_say_one_by_one(said: str) -> None:
    events = answer(*SAID[said])
    fold, at_once, one_by_one = Fold(), Gathering(), Gathering()
    at_once.add(events)
    for event in events:
        fold.add(event)
        one_by_one.add([event])
    assert at_once.message() == one_by_one.message() == fold.so_far()


def test_what_was_said_can_be_asked_for_at_any_time() -> None:
    gathered = Gathering()
    gathered.add(answer(*encoded(0, *"abcdefgh"))[:-3])
    assert gathered.message()["content"] == [
        {"type": "text", "text": "abcdefgh"},
        {"type": "text", "text": ""},
    ]
    gathered.add(encoded(0, *"ijklmnop"))
    assert gathered.message()["content"] == [
        {"type": "text", "text": "abcdefghijklmnop"},
        {"type": "text", "text": ""},
    ]
