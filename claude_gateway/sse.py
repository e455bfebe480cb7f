"""Server-sent events, written by hand: the frames of a stream are the product.

Rules for every frame: LF only, `data: ` with its space, JSON on one line, a blank line at the end.
Source: WHATWG HTML, section "Server-sent events"; the iOS client splits on LF and wants the space.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"

HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


def compact(value: object) -> bytes:
    """JSON as small as it gets. Halves of surrogate pairs become U+FFFD, whatever the depth."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate, or a number above 64 bits
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return whole_characters(text).encode()


def data(value: object) -> bytes:
    """One unnamed frame. JSON has no raw line break, so one data line will do."""
    return b"data: %b\n\n" % compact(value)


def event(name: str, value: object) -> bytes:
    """One named frame."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), compact(value))


def literal(text: str) -> bytes:
    """Return the inside of `text`'s JSON string."""
    return compact(text)[1:-1]


def whole_characters(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 stream may carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
