"""Server-sent events, written by hand: the frames of a stream are the product.

Rules for every frame: LF only, `data: ` with its space, JSON on one line, a blank line at the end.
Source: WHATWG HTML, section "Server-sent events"; the iOS client splits on LF and wants the space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import orjson

from claude_gateway.types.rawjson import RawJson

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
# Between frames with numbers: a blank line would dispatch an event of which official clients know nothing
# but the number of the last one, and fail to read it.
PING_AMONG_NUMBERS = b": ping\n"

HEADERS: Mapping[str, str] = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
# Escapes in JSON: what is whole (group 1), or half of a surrogate pair.
HALF = re.compile(
    r"(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def compact(value: object) -> bytes:
    """JSON as small as it gets, on one line; RawJson is copied.

    Halves of surrogate pairs become U+FFFD, whatever the depth.
    """
    try:
        return orjson.dumps(value, default=_copied)
    except TypeError:  # a lone surrogate, or a number above 64 bits
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_nearest)
        return whole_characters(text).encode()


def canonical(value: object) -> bytes:
    """As `compact`, the same bytes in whatever order the fields of objects are."""
    try:
        return orjson.dumps(value, default=_copied, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = json.dumps(
            value, separators=(",", ":"), ensure_ascii=False, default=_nearest, sort_keys=True
        )
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


def said(literal: bytes) -> str:
    r"""Return the text whose JSON string has this inside, which is UTF-8 and free of \u escapes."""
    return str(orjson.loads(b'"%b"' % literal))


def whole_characters(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 stream may carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_escapes(text: str) -> str:
    """Replace lone surrogates that are written as escapes in JSON text."""
    return HALF.sub(lambda found: found[0] if found[1] else r"\ufffd", text)


def _copied(value: object) -> orjson.Fragment:
    if not isinstance(value, RawJson):
        raise TypeError(f"{type(value).__name__} is not JSON")
    # Between tokens a line may break; in a frame it must not, and inside a string it cannot.
    text = whole_escapes(value.text).replace("\n", " ").replace("\r", " ")
    return orjson.Fragment(whole_characters(text).encode())


def _nearest(value: object) -> object:
    if not isinstance(value, RawJson):
        raise TypeError(f"{type(value).__name__} is not JSON")
    try:
        return value.value
    except (ValueError, RecursionError):  # Python limits digits and depth
        return value.text
