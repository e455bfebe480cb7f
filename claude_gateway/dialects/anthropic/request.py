"""A Messages request, read. Its bytes are what matters: they go up as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.dialects.fields import optional, parse_object, required, wrong


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """What the gateway itself needs to know; everything else is upstream's to judge."""

    body: bytes
    fields: Mapping[str, object]
    model: str
    stream: bool


def read(body: bytes) -> MessagesRequest:
    """Read a request. Raises InvalidRequest naming the field that is wrong."""
    fields = parse_object(body)
    model = required(fields, "model", str)
    if not required(fields, "messages", list):
        wrong("messages", "must have at least one message", code="missing_field")
    return MessagesRequest(body, fields, model, bool(optional(fields, "stream", bool)))


def with_model(body: bytes, model: str) -> bytes:
    """Replace the value of the top-level `model` and not one other byte.

    Writing the parsed body again would change numbers and escapes, and with them the prompt cache.
    When a key stands twice, JSON readers take the last; so does this.
    """
    text = body.decode()
    span = None
    for key, start, end in _members(text):
        if key == "model":
            span = start, end
    if span is None:
        return body
    return (text[: span[0]] + json.dumps(model) + text[span[1] :]).encode()


_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def _members(text: str) -> list[tuple[str, int, int]]:
    """Return (key, start of value, end of value) for an object that is known to be valid JSON."""
    members: list[tuple[str, int, int]] = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _value, end = _DECODER.raw_decode(text, start)
        members.append((key, start, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return members


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
