"""A turn in which the gateway ran tools, as a native client sees it.

The calls are not the client's, so it is not shown them. What was thought after such a call is bound to
it, and could not come back without: it is left out as well. So what a client has seen can always be sent
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.visible import Owned, is_own
from claude_gateway.types.events import (
    Activity,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageStop,
    OtherDelta,
    OtherEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    moved,
)

THOUGHTS = ("thinking", "redacted_thinking")
PREFIX = "gateway_"  # of events that are not Anthropic's


def shown(message: Mapping[str, object], own: Owned) -> Mapping[str, object]:
    """Return the message without what is not the client's; the very same where that is nothing."""
    content = message.get("content")
    if not own or not isinstance(content, list):
        return message
    ran, left = False, []
    for block in content:
        ran = ran or is_own(block, own)
        if not _is_hidden(block, own, ran=ran):
            left.append(block)
    return message if len(left) == len(content) else {**message, "content": left}


class ToolTurnStream(MessageStream):
    """Turns the events of such a turn into frames: blocks that are shown are counted anew."""

    def __init__(
        self, own: Owned, report: Callable[[], Mapping[str, object]] | None = None
    ) -> None:
        """`own` are the gateway's tools; `report` says what was used, to a client that wants to see."""
        self._own = own
        self._report = report
        self._ran = False
        self._shown = 0
        self._places: dict[int, int] = {}  # of blocks that are shown

    def feed(self, batch: Sequence[Event]) -> bytes:
        """Return the frames of these events, possibly none."""
        return super().feed([seen for event in batch for seen in self._seen(event)])

    def _seen(self, event: Event) -> Iterator[Event]:
        match event:
            case BlockStart(index, block):
                self._ran = self._ran or is_own(block, self._own)
                if not _is_hidden(block, self._own, ran=self._ran):
                    self._places[index] = self._shown
                    self._shown += 1
                    yield moved(event, self._places[index])
            case (
                TextDelta()
                | ThinkingDelta()
                | SignatureDelta()
                | InputDelta()
                | OtherDelta()
                | BlockStop()
            ):
                if event.index in self._places:
                    yield moved(event, self._places[event.index])
            case Activity(name, data):
                yield from self._told(name, data)
            case MessageStop():
                yield from self._told("usage", self._report() if self._report else {})
                yield event
            case _:
                yield event

    def _told(self, name: str, data: Mapping[str, object]) -> Iterator[Event]:
        if self._report is not None:
            yield OtherEvent(PREFIX + name, {"type": PREFIX + name, **data})


def _is_hidden(block: object, own: Owned, *, ran: bool) -> bool:
    is_thought = isinstance(block, Mapping) and block.get("type") in THOUGHTS
    return is_own(block, own) or (ran and is_thought)
