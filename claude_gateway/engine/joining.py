"""One stream of several: one beginning, indexes that go on, one end.

Bytes that upstream sent are only passed on with events that did not change.
"""

from __future__ import annotations

from collections.abc import Sequence

from claude_gateway.engine.fold import Fold
from claude_gateway.engine.tally import added, counted
from claude_gateway.engine.thinking import CHANGES, changes
from claude_gateway.types.events import (
    Accepted,
    BlockEvent,
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
    moved,
)
from claude_gateway.types.requests import Answer


class Joiner:
    """Takes the events of round after round. The end of a round is held back: it may go on."""

    def __init__(self) -> None:
        self._first = True
        self._earlier = 0  # blocks of earlier rounds
        self._blocks = 0
        self._used: dict[str, object] = {}  # by earlier rounds
        self._now: dict[str, object] = {}  # by this one
        self._end: list[Event] = []
        self._earlier_changes: list[object] = []  # of what earlier rounds asked
        self._changes: list[object] = []  # of what this one did
        self._fold = Fold()

    def feed(self, batch: Sequence[Event]) -> list[Event]:
        """Return what the client may see of these events, possibly nothing."""
        return [shown for event in batch if (shown := self._take(event)) is not None]

    def heard(self) -> tuple[Answer, bool]:
        """Return this round's answer, and whether its content is exact."""
        return self._fold.answer(), self._fold.exact

    def next_round(self) -> None:
        """Leave this round's end out, and go on with another."""
        self._first = False
        self._earlier = self._blocks
        self._used, self._now = added(self._used, self._now), {}
        self._end = []
        self._earlier_changes += self._changes
        self._changes = []
        self._fold = Fold()

    def end(self, reason: str | None = None) -> list[Event]:
        """Return the end of this round as that of the stream; for another `reason`, if there is one."""
        if reason is None:
            return self._end
        return [_ended(event, reason) for event in self._end]

    def _take(self, event: Event) -> Event | None:
        self._fold.add(event)
        match event:
            case MessageStart(message):
                self._now = counted(message.get("usage"), {})
                self._changes = changes(message)
                return event if self._first else None
            case MessageDelta(delta, usage):
                self._now = counted(self._now, usage)
                self._changes = changes(delta) or self._changes
                self._end.append(event if self._first else self._summed(event))
                return None
            case MessageStop():
                self._end.append(event)
                return None
            case Accepted():
                return event if self._first else None
            case Ping() | OtherEvent():
                return event
            case (
                BlockStart()
                | TextDelta()
                | ThinkingDelta()
                | SignatureDelta()
                | InputDelta()
                | OtherDelta()
                | BlockStop()
            ):  # pragma: no branch  # there is no other kind
                return self._moved(event)

    def _summed(self, event: MessageDelta) -> MessageDelta:
        every = [*self._earlier_changes, *self._changes]
        delta = {**event.delta, CHANGES: every} if every else event.delta
        return MessageDelta(delta, added(self._used, self._now))

    def _moved(self, event: BlockEvent) -> Event:
        index = event.index + self._earlier
        self._blocks = max(self._blocks, index + 1)
        return moved(event, index)


def _ended(event: Event, reason: str) -> Event:
    if not isinstance(event, MessageDelta):
        return event
    return MessageDelta({**event.delta, "stop_reason": reason}, event.usage)
