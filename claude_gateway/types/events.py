"""What a backend yields: a closed union of small events, one for each kind in Anthropic's stream.

Order: `Accepted`? → `MessageStart` → per block `BlockStart`, deltas, `BlockStop` → `MessageDelta`
→ `MessageStop`. Trouble is raised as a `GatewayError`, never yielded.

Every event may carry `frame`: the exact bytes of the SSE frame it arrived in, blank line included.
A native client is given those bytes unchanged; events without a frame are written out instead.
Indexes count all content blocks of one message, from 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Accepted:
    """Upstream took the request. `headers` are those worth showing to the client."""

    headers: Mapping[str, str] = field(default_factory=dict)
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class MessageStart:
    """The message as it begins: `id`, `model`, `usage` with the input side already counted."""

    message: Mapping[str, object]
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class BlockStart:
    """A content block opens: `{"type": "text", "text": ""}`, `tool_use`, `thinking`, or unknown."""

    index: int
    block: Mapping[str, object]
    frame: bytes | None = None


class TextDelta:
    r"""A piece of the answer's text.

    Nearly all events are of this kind, so it is a plain slotted class (a frozen dataclass takes
    three times as long to make) and may hold the text still as JSON: `literal` is the inside of
    the JSON string as it arrived, known to be valid and free of \u escapes, which an encoder can
    copy without decoding it.
    """

    __match_args__ = ("index", "text")
    __slots__ = ("_text", "frame", "index", "literal")

    def __init__(
        self,
        index: int,
        text: str | None = None,
        literal: bytes | None = None,
        frame: bytes | None = None,
    ) -> None:
        """Give `text`, or `literal` (and then `text` is decoded when somebody asks)."""
        self.index = index
        self._text = text
        self.literal = literal
        self.frame = frame

    @property
    def text(self) -> str:
        """The text, decoded."""
        if self._text is None:
            self._text = str(json.loads(b'"%b"' % (self.literal or b"")))
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TextDelta):
            return NotImplemented
        return (self.index, self.text) == (other.index, other.text)

    def __hash__(self) -> int:
        return hash((self.index, self.text))

    def __repr__(self) -> str:
        return f"TextDelta({self.index}, {self.text!r})"


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """A piece of the model's reasoning."""

    index: int
    text: str
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignatureDelta:
    """The signature of a thinking block; it must go back to the model exactly as it came."""

    index: int
    signature: str
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class InputDelta:
    """A piece of a tool call's input: a fragment of JSON text, not JSON by itself."""

    index: int
    partial_json: str
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class OtherDelta:
    """A delta of a kind this version does not know, or has no use for (citations)."""

    index: int
    delta: Mapping[str, object]
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class BlockStop:
    """A content block is complete."""

    index: int
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class MessageDelta:
    """Why the message ends (`delta.stop_reason`, …) and its cumulative usage.

    Of what stands beside them only `input_transformations` is kept, in `delta`.
    """

    delta: Mapping[str, object]
    usage: Mapping[str, object] = field(default_factory=dict)
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class MessageStop:
    """The message is complete. A stream that ends without it was cut."""

    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Upstream is alive."""

    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An event of a kind this version does not know; passed on to native clients."""

    name: str
    data: Mapping[str, object]
    frame: bytes | None = None


@dataclass(frozen=True, slots=True)
class Activity(OtherEvent):
    """What the gateway itself does in a turn: it calls a tool, or a round is over.

    `name` is `tool_use`, `tool_progress`, `tool_result` or `usage`. No backend yields it, and only
    clients that have asked for it are shown it.
    """


Event: TypeAlias = (
    Accepted
    | MessageStart
    | BlockStart
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | InputDelta
    | OtherDelta
    | BlockStop
    | MessageDelta
    | MessageStop
    | Ping
    | OtherEvent
)

BlockEvent: TypeAlias = (
    BlockStart | TextDelta | ThinkingDelta | SignatureDelta | InputDelta | OtherDelta | BlockStop
)


def moved(event: BlockEvent, index: int) -> BlockEvent:
    """Return it for another index; where that changes nothing, with the bytes it arrived in."""
    if index == event.index:
        return event
    if isinstance(event, TextDelta):
        if event.literal is not None:
            return TextDelta(index, None, event.literal)
        return TextDelta(index, event.text)
    return replace(event, index=index, frame=None)
