"""A Messages request, read. Its bytes are what matters: they go up as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from claude_gateway.dialects.fields import optional, parse_object, required, wrong
from claude_gateway.sse import whole_escapes


@dataclass(slots=True)  # not frozen: one is made for each request, at a fifth of the price
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


def is_bound(request: MessagesRequest) -> bool:
    """Whether only the model that is asked can go on with this conversation.

    Thinking of an earlier turn may only be read by the model that thought it, and the earlier turns
    of a thread are where that model left them.
    """
    thread = request.fields.get("thread")
    continued = isinstance(thread, dict) and thread.get("type") == "continue"
    return continued or _has_thinking(request)


def _has_thinking(request: MessagesRequest) -> bool:
    messages = request.fields.get("messages")
    return any(
        isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking")
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for block in message["content"]
    )


def with_model(body: bytes, model: str) -> bytes:
    """Replace the value of the top-level `model`, a string, and not one other byte.

    Writing the parsed body again would change numbers and escapes, and with them the prompt cache.
    When a key stands twice, JSON readers take the last; so does this.
    """
    span = None
    depth = 0
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text in _OPENING:
            depth += 1
        elif text in _CLOSING:
            depth -= 1
        elif depth == 1 and _is_model(text) and (value := _VALUE.match(body, token.end())):
            span = value.span(1)
    if span is None:
        return body
    return body[: span[0]] + json.dumps(model).encode() + body[span[1] :]


# Of a body that is known to be valid JSON, its strings and brackets show where everything is.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]")
_VALUE = re.compile(rb"\s*:\s*(" + _STRING + rb")")
_OPENING, _CLOSING = (b"{", b"["), (b"}", b"]")


def _is_model(key: bytes) -> bool:
    # A key may be written with escapes.
    return key == b'"model"' or (
        b"\\" in key and orjson.loads(whole_escapes(key.decode())) == "model"
    )
