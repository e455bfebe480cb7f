"""What the fake upstream says, and what every client must therefore be told."""

from __future__ import annotations

import json
import re

DELTAS = 64
# Quotes, a line end and a letter beyond ASCII: what is right only by luck shows.
ORDINARY, ODD = "w%04d lorem ipsum ", 'w%04d "é"\nipsum '
PIECES = tuple((ODD if n % 8 == 1 else ORDINARY) % n for n in range(DELTAS))
TEXT = "".join(PIECES)
FIRST = b"w0000"

# A paced delta begins with the time it was sent at, in nanoseconds of the clock that never goes back.
STAMP = re.compile(rb"@(\d{19})")
STAMPED = "".join(f"@ {piece}" for piece in PIECES)

# What a client puts into its question, and the upstream does.
PACE = re.compile(rb"\[a piece every (\d+) ms\]")
CALL = re.compile(rb"\[call (\w+)\]")

MODEL = "claude-sonnet-5-5"
USAGE = {
    "input_tokens": 412,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 256,
}
TOOL_INPUT = {"path": "/workspace"}


def pace(milliseconds: int) -> str:
    """Return the words that ask for a piece every so often."""
    return f"[a piece every {milliseconds} ms]" if milliseconds else ""


def call(tool: str) -> str:
    """Return the words that ask for a call of a tool, and its result, before the answer."""
    return f"[call {tool}]"


def message(content: list[dict[str, object]], stop: str = "end_turn") -> bytes:
    """Return a whole answer, as Anthropic's API writes it."""
    return _json(_message(content, stop))


def said() -> bytes:
    """Return the whole answer in words."""
    return message([{"type": "text", "text": TEXT}])


def called(tool: str) -> bytes:
    """Return the whole answer that calls a tool."""
    block: dict[str, object] = {
        "type": "tool_use",
        "id": "toolu_01bench",
        "name": tool,
        "input": TOOL_INPUT,
    }
    return message([block], "tool_use")


def opening() -> bytes:
    """Return the events before the first piece."""
    begun = {**_message([], None), "usage": {**USAGE, "output_tokens": 1}}
    block = {"type": "text", "text": ""}
    return _event("message_start", message=begun) + _event(
        "content_block_start", index=0, content_block=block
    )


def piece(text: str) -> bytes:
    """Return the event of one piece."""
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def ending() -> bytes:
    """Return the events behind the last piece."""
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        _event("content_block_stop", index=0)
        + _event("message_delta", delta=stop, usage={"output_tokens": 256})
        + _event("message_stop")
    )


def _message(content: list[dict[str, object]], stop: str | None) -> dict[str, object]:
    return {
        "id": "msg_01bench",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
    }


def _event(name: str, **fields: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _json({"type": name, **fields}))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
