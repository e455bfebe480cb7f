"""Frames that were stored: what they say, and how they are ended when nobody else did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import orjson

from claude_gateway import sse
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.envelope import flattened, openai_envelope
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.errors import GatewayError

OPENAI, ANTHROPIC, RESPONSES = "openai", "anthropic", "responses"


def said(dialect: str, frames: bytes) -> str:
    """Return the text of the answer that these frames hold, as far as they go."""
    read = _READERS.get(dialect, _native_text)
    return "".join(read(data) for data in _data(frames))


def ended(dialect: str, error: GatewayError, request_id: str) -> bytes:
    """Return the frames that end a stream that went wrong, for a client of this dialect."""
    if dialect == RESPONSES:  # what it was a response to is not known any more
        said = openai_envelope(error, request_id)
        return sse.event("error", {"type": "error", **flattened(said), **said})
    encoder = _ENCODERS.get(dialect, MessageStream)()
    return encoder.fail(error, request_id)


_ENCODERS: Mapping[str, Callable[[], ChatStream | MessageStream]] = {
    OPENAI: lambda: ChatStream(0, "", include_usage=False),
    ANTHROPIC: MessageStream,
}


def _data(frames: bytes) -> Iterator[Mapping[str, object]]:
    for line in frames.split(b"\n"):
        if line.startswith(b"data: {"):
            data = orjson.loads(line[6:])
            if isinstance(data, dict):
                yield data


def _chat_text(data: Mapping[str, object]) -> str:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    delta = choice.get("delta") if isinstance(choice, dict) else None
    text = delta.get("content") if isinstance(delta, dict) else None
    return text if isinstance(text, str) else ""


def _native_text(data: Mapping[str, object]) -> str:
    for key in ("delta", "content_block"):
        inner = data.get(key)
        if isinstance(inner, dict) and inner.get("type") in ("text_delta", "text"):
            return str(inner.get("text", ""))
    return ""


def _response_text(data: Mapping[str, object]) -> str:
    delta = data.get("delta")
    is_text = data.get("type") == "response.output_text.delta" and isinstance(delta, str)
    return str(delta) if is_text else ""


_READERS: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    OPENAI: _chat_text,
    ANTHROPIC: _native_text,
    RESPONSES: _response_text,
}
