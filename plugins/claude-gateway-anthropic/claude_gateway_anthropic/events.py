"""From the JSON of one upstream event to ours."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway import (
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
from claude_gateway_anthropic.failures import malformed

# Kinds of delta that carry a piece of text, and under which name.
PIECES: Mapping[str, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}

# Said beside a message's last delta: what upstream changed in the request.
BESIDE = "input_transformations"


def delta_event(index: int, delta: Mapping[str, object], frame: bytes | None) -> Event:
    """Translate a content_block_delta; a kind nobody knows is kept as it is."""
    kind = delta.get("type")
    piece = delta.get(PIECES.get(str(kind), "signature"))
    if not isinstance(piece, str):
        return OtherDelta(index, delta, frame)
    match kind:
        case "text_delta":
            return TextDelta(index, piece, None, frame)
        case "thinking_delta":
            return ThinkingDelta(index, piece, frame)
        case "input_json_delta":
            return InputDelta(index, piece, frame)
        case "signature_delta":
            return SignatureDelta(index, piece, frame)
        case _:
            return OtherDelta(index, delta, frame)


def other_event(  # noqa: PLR0911  # one arm for each kind of event
    kind: str, data: Mapping[str, object], frame: bytes | None
) -> Event:
    """Translate everything that is not a delta of a block."""
    match kind:
        case "message_start":
            return MessageStart(_mapping(data, "message"), frame)
        case "content_block_start":
            return BlockStart(_index(data), _mapping(data, "content_block"), frame)
        case "content_block_stop":
            return BlockStop(_index(data), frame)
        case "message_delta":
            usage = data.get("usage")
            counts = usage if isinstance(usage, Mapping) else {}
            return MessageDelta(_ending(data), counts, frame)
        case "message_stop":
            return MessageStop(frame)
        case "ping":
            return Ping(frame)
        case _:
            return OtherEvent(kind, data, frame)


def _ending(data: Mapping[str, object]) -> Mapping[str, object]:
    delta = _mapping(data, "delta")
    return {**delta, BESIDE: data[BESIDE]} if BESIDE in data else delta


def _mapping(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = data.get(key)
    if not isinstance(value, Mapping):
        raise malformed(f"a {data.get('type')} event lacks its {key}")
    return value


def _index(data: Mapping[str, object]) -> int:
    value = data.get("index")
    if type(value) is not int:
        raise malformed(f"a {data.get('type')} event lacks its index")
    return value
