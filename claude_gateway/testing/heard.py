"""One answer of a backend, heard to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from claude_gateway.types.events import (
    Accepted,
    BlockStart,
    Event,
    MessageDelta,
    MessageStart,
    OtherEvent,
    Ping,
    TextDelta,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """The events of one answer, and what they amount to."""

    events: Sequence[Event]

    @property
    def text(self) -> str:
        """All the answer's text, also that of text blocks that came whole."""
        return "".join(_texts(self.events))

    @property
    def stop_reason(self) -> object:
        """Why the answer ended."""
        reasons = [e.delta.get("stop_reason") for e in self.events if isinstance(e, MessageDelta)]
        return next((reason for reason in reversed(reasons) if reason is not None), None)

    @property
    def usages(self) -> list[Mapping[str, object]]:
        """Every usage that was reported, in order."""
        found = [
            e.message.get("usage") if isinstance(e, MessageStart) else e.usage
            for e in self.events
            if isinstance(e, (MessageStart, MessageDelta))
        ]
        return [usage for usage in found if isinstance(usage, Mapping)]

    @property
    def outline(self) -> list[str]:
        """The kinds of events, without those that come by chance."""
        chance = (Accepted, Ping, OtherEvent)
        return [type(e).__name__ for e in self.events if not isinstance(e, chance)]


async def hear(events: AsyncGenerator[Event], patience: float) -> Heard:
    """Listen to a whole answer. Raises AssertionError when it takes more than `patience` seconds.

    The generator is closed in any case.
    """
    assert hasattr(events, "aclose"), (
        f"stream() must be an async generator, so that it can be closed, not {type(events)}."
    )
    heard: list[Event] = []
    limit = asyncio.timeout(patience)
    try:
        async with limit, aclosing(events):
            async for event in events:
                heard.append(event)  # noqa: PERF401  # what was heard is told after a timeout
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(
            f"There was no whole answer within {patience:g} s; {len(heard)} events came."
        ) from None
    return Heard(heard)


def _texts(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        match event:
            case TextDelta(_, text):
                yield text
            case BlockStart(_, {"type": "text", "text": str(text)}):
                yield text
            case _:
                continue  # everything else has no text
