"""A stream of events as Anthropic's frames: the very bytes upstream sent, where it sent any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import sse
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.dialects.envelope import envelope
from claude_gateway.errors import GatewayError
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

BESIDE = "input_transformations"


class MessageStream(Encoder):
    """Turns the events of one answer into frames."""

    def feed(self, batch: Sequence[Event]) -> bytes:
        """Return the frames of these events, possibly none."""
        return b"".join([event.frame or _written(event) for event in batch])

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """Return the frame that ends a stream that went wrong."""
        return sse.event("error", envelope(error, request_id))


def _written(event: Event) -> bytes:  # noqa: C901, PLR0911, PLR0912  # one arm for each kind of event
    match event:
        case TextDelta():
            return _delta(event.index, {"type": "text_delta", "text": event.text})
        case ThinkingDelta(index, text):
            return _delta(index, {"type": "thinking_delta", "thinking": text})
        case SignatureDelta(index, signature):
            return _delta(index, {"type": "signature_delta", "signature": signature})
        case InputDelta(index, partial):
            return _delta(index, {"type": "input_json_delta", "partial_json": partial})
        case OtherDelta(index, delta):
            return _delta(index, delta)
        case BlockStart(index, block):
            return _event("content_block_start", {"index": index, "content_block": block})
        case BlockStop(index):
            return _event("content_block_stop", {"index": index})
        case MessageStart(message):
            return _event("message_start", {"message": message})
        case MessageDelta(delta, usage):
            return _event("message_delta", _ending(delta, usage))
        case MessageStop():
            return _event("message_stop", {})
        case Ping():
            return _event("ping", {})
        case OtherEvent(name, data):
            return sse.event(name, data)
        case Accepted():  # pragma: no branch  # there is no other kind
            return b""


def _ending(delta: Mapping[str, object], usage: Mapping[str, object]) -> dict[str, object]:
    """Write what upstream changed in the request beside the delta, where it stood."""
    if BESIDE not in delta:
        return {"delta": delta, "usage": usage}
    rest = {key: value for key, value in delta.items() if key != BESIDE}
    return {"delta": rest, "usage": usage, BESIDE: delta[BESIDE]}


def _event(name: str, fields: Mapping[str, object]) -> bytes:
    return sse.event(name, {"type": name, **fields})


def _delta(index: int, delta: Mapping[str, object]) -> bytes:
    return _event("content_block_delta", {"index": index, "delta": delta})
