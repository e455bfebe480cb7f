"""The order in which a backend's events come, as a machine that refuses every other order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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

Delta = TextDelta | ThinkingDelta | SignatureDelta | InputDelta | OtherDelta

# Which deltas a block takes; blocks that are not listed take any. OtherDelta always fits.
TAKES: Mapping[object, tuple[type[Delta], ...]] = {
    "text": (TextDelta,),
    "thinking": (ThinkingDelta, SignatureDelta),
    "tool_use": (InputDelta,),
}


def check_order(events: Iterable[Event]) -> None:
    """Raise AssertionError, saying which event is out of place, unless this is one whole answer."""
    grammar = Grammar()
    for event in events:
        grammar.feed(event)
    grammar.finish()


class Grammar:
    """Reads one answer, event by event. Every method raises AssertionError."""

    def __init__(self) -> None:
        """Expect the beginning of an answer."""
        self._place = "the beginning"
        self._number = -1
        self._blocks = 0
        self._kind: object = None
        self._stop_reason = False

    def feed(self, event: Event) -> None:  # noqa: C901  # one case for each kind of event
        """Take the next event, or say why it cannot come here."""
        self._number += 1
        self._check(event, self._place != "the end", "nothing may follow MessageStop")
        match event:
            case Accepted():
                self._step(event, {"the beginning"}, "acceptance")
            case MessageStart(message):
                self._step(event, {"the beginning", "acceptance"}, "the message")
                self._check_message(event, message)
            case BlockStart():
                self._start_block(event)
            case BlockStop(index):
                self._check_index(event, index)
                self._step(event, {"a block"}, "the message")
            case MessageDelta(delta):
                self._step(event, {"the message", "the message's delta"}, "the message's delta")
                self._stop_reason |= isinstance(delta.get("stop_reason"), str)
            case MessageStop():
                self._step(event, {"the message's delta"}, "the end")
                self._check(event, self._stop_reason, "no MessageDelta brought a stop_reason")
            case Ping() | OtherEvent():
                pass  # anywhere
            case TextDelta() | ThinkingDelta() | SignatureDelta() | InputDelta() | OtherDelta():
                self._take_delta(event)

    def finish(self) -> None:
        """Say that no event follows."""
        assert self._place == "the end", (
            f"The stream ended after {self._number + 1} events, in {self._place}, without "
            "MessageStop. A backend whose upstream is cut off must raise UpstreamError."
        )

    def _start_block(self, event: BlockStart) -> None:
        self._step(event, {"the message"}, "a block")
        self._check(
            event,
            event.index == self._blocks,
            f"blocks are numbered from 0 without gaps, so this one is {self._blocks}",
        )
        self._kind = event.block.get("type")
        self._check(event, isinstance(self._kind, str), "the block has no type")
        self._blocks += 1

    def _take_delta(self, event: Delta) -> None:
        self._check_index(event, event.index)
        self._step(event, {"a block"}, "a block")
        fitting = (*TAKES.get(self._kind, (event.__class__,)), OtherDelta)
        self._check(
            event, isinstance(event, fitting), f"a block of type {self._kind} has no such delta"
        )

    def _check_message(self, event: Event, message: Mapping[str, object]) -> None:
        for key in ("id", "model"):
            value = message.get(key)
            self._check(event, isinstance(value, str) and value, f"the message's {key} is no text")
        self._check(
            event, isinstance(message.get("usage"), Mapping), "the message's usage is no mapping"
        )

    def _check_index(self, event: Event, index: int) -> None:
        self._check(event, self._place == "a block", f"no block is open in {self._place}")
        self._check(event, index == self._blocks - 1, f"the open block is {self._blocks - 1}")

    def _step(self, event: Event, places: set[str], then: str) -> None:
        self._check(event, self._place in places, f"it cannot come in {self._place}")
        self._place = then

    def _check(self, event: Event, fine: object, why: str) -> None:
        assert fine, f"Event {self._number} is out of place: {why}. It is {event!r:.200}"
