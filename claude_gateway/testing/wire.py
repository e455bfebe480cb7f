"""What Anthropic's Messages API puts on the wire, built so that a test reads like a sentence.

`stream(thinking("Hm."), text("Hello"))` is the list of frames of one answer; `text_stream`,
`tool_stream` and `thinking_stream` are the same for the usual cases; `message` is an answer that
does not stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Json = Mapping[str, object]

MODEL = "claude-sonnet-5-5"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
USAGE: Mapping[str, int] = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 5,
}


@dataclass(frozen=True, slots=True)
class Block:
    """A content block as it streams: how it opens, what is added, and what it is in the end."""

    start: Json
    deltas: Sequence[Json]
    whole: Json


def text(*parts: str) -> Block:
    """A text block that arrives in `parts`."""
    return Block(
        {"type": "text", "text": ""},
        [{"type": "text_delta", "text": part} for part in parts],
        {"type": "text", "text": "".join(parts)},
    )


def tool_use(name: str, *input_parts: str, id: str = "toolu_01") -> Block:  # noqa: A002  # the field's name
    """A tool call whose input arrives as pieces of JSON text; no pieces is a call without input."""
    opened = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return Block(
        opened,
        [{"type": "input_json_delta", "partial_json": part} for part in input_parts],
        opened | {"input": json.loads("".join(input_parts) or "{}")},
    )


def thinking(*parts: str, signature: str = "c2lnbmF0dXJl") -> Block:
    """A thinking block with its signature. No parts is thinking that is not shown."""
    deltas: list[Json] = [{"type": "thinking_delta", "thinking": part} for part in parts]
    deltas.append({"type": "signature_delta", "signature": signature})
    return Block(
        {"type": "thinking", "thinking": "", "signature": ""},
        deltas,
        {"type": "thinking", "thinking": "".join(parts), "signature": signature},
    )


def stream(
    *blocks: Block,
    stop_reason: str = "end_turn",
    usage: Mapping[str, object] | None = None,
    model: str = MODEL,
) -> list[bytes]:
    """All frames of one streamed answer. `usage` replaces single counts of the final usage."""
    return list(_frames(blocks, stop_reason, {**USAGE, **(usage or {})}, model))


def text_stream(
    *parts: str,
    stop_reason: str = "end_turn",
    usage: Mapping[str, object] | None = None,
    model: str = MODEL,
) -> list[bytes]:
    """A streamed answer of plain text."""
    return stream(text(*parts), stop_reason=stop_reason, usage=usage, model=model)


def tool_stream(
    name: str,
    input_parts: Sequence[str] = (),
    id: str = "toolu_01",  # noqa: A002  # the field's name
    *,
    model: str = MODEL,
) -> list[bytes]:
    """A streamed answer that is one tool call."""
    return stream(tool_use(name, *input_parts, id=id), stop_reason="tool_use", model=model)


def thinking_stream(
    *parts: str, signature: str = "c2lnbmF0dXJl", answer: str = "Hello", model: str = MODEL
) -> list[bytes]:
    """A streamed answer that thinks first."""
    return stream(thinking(*parts, signature=signature), text(answer), model=model)


def message(
    *content: str | Block | Json,
    stop_reason: str = "end_turn",
    usage: Mapping[str, object] | None = None,
    model: str = MODEL,
) -> dict[str, object]:
    """An answer in one piece; a string is a text block, a mapping is taken as it is."""
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_whole(block) for block in content],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {**USAGE, **(usage or {})},
    }


def error(type: str, message: str, **details: object) -> dict[str, object]:  # noqa: A002  # the field's name
    """The body of a failed request; `details` are for programs, such as an `error_code`."""
    said = {"type": type, "message": message} | ({"details": details} if details else {})
    return {"type": "error", "error": said, "request_id": "req_01"}


def error_event(type: str = "overloaded_error", message: str = "Overloaded") -> bytes:  # noqa: A002
    """A failure in the middle of a stream."""
    return sse("error", {"type": "error", "error": {"type": type, "message": message}})


def sse(name: str, data: object) -> bytes:
    """One frame, byte for byte as the API writes it: compact JSON, LF, a blank line."""
    return f"event: {name}\ndata: {compact(data)}\n\n".encode()


def compact(data: object) -> str:
    """JSON without blanks, unescaped, as the API writes it."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _frames(
    blocks: Sequence[Block], stop_reason: str, usage: Mapping[str, object], model: str
) -> Iterator[bytes]:
    begun = {**message(model=model), "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield sse("message_start", {"type": "message_start", "message": begun})
    for index, block in enumerate(blocks):
        at = {"index": index}
        start = {"type": "content_block_start", **at, "content_block": block.start}
        yield sse("content_block_start", start)
        if index == 0:
            yield PING
        for delta in block.deltas:
            yield sse("content_block_delta", {"type": "content_block_delta", **at, "delta": delta})
        yield sse("content_block_stop", {"type": "content_block_stop", **at})
    end = {"stop_reason": stop_reason, "stop_sequence": None}
    yield sse("message_delta", {"type": "message_delta", "delta": end, "usage": usage})
    yield sse("message_stop", {"type": "message_stop"})


def _whole(block: str | Block | Json) -> Json:
    match block:
        case str():
            return text(block).whole
        case Block():
            return block.whole
        case _:
            return block
