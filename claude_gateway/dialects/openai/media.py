"""Images and documents that come by value.

What they are is read from their first bytes: clients often declare another type than they send, and
upstream refuses the whole request then.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TypeAlias

from claude_gateway.dialects.fields import wrong
from claude_gateway.media_types import IMAGES, PDF, seen

Block: TypeAlias = dict[str, object]

# What is text although it is not called so.
TEXTS = frozenset({"application/json", "application/xml", "application/javascript"})
OTHER_NAMES: Mapping[str, str] = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}

HEADER = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64", re.IGNORECASE)
BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
URL_SAFE = str.maketrans("-_", "+/")
LONGEST_SIGNATURE = 16  # characters of base64


def is_link(url: str) -> bool:
    """Whether it is the address of something, and not the thing itself."""
    return url[:8].lower().startswith(("https://", "http://"))


def by_value(url: str, path: str) -> Block:
    """Return the block for a data URL, or for bare base64 that shows what it is."""
    declared, data = _taken_apart(url, path)
    kind = _kind(data) or OTHER_NAMES.get(declared, declared)
    source: Block = {"type": "base64", "media_type": kind, "data": data}
    if kind in IMAGES:
        return {"type": "image", "source": source}
    if kind == PDF:
        return {"type": "document", "source": source}
    if not kind.startswith("text/") and kind not in TEXTS:
        wrong(
            path,
            f"is of type {kind[:50] or 'unknown'}; JPEG, PNG, GIF, WebP, PDF and text are supported",
            code="unsupported_value",
        )
    text = {"type": "text", "media_type": "text/plain", "data": _decoded(data, path)}
    return {"type": "document", "source": text}


def _taken_apart(url: str, path: str) -> tuple[str, str]:
    """Return the declared type, in small letters, and the base64 without line breaks."""
    header, comma, data = url.rpartition(",")
    match = HEADER.fullmatch(header)
    if comma and match is None:
        wrong(path, "must be a base64 data URL: data:<media type>;base64,<data>")
    data = "".join(data.split())
    if BASE64.fullmatch(data) is None:
        wrong(path, "must be a base64 data URL: data:<media type>;base64,<data>")
    return (match[1] or "").lower() if match else "", data.translate(URL_SAFE)


def _kind(data: str) -> str | None:
    try:
        return seen(base64.b64decode(data[:LONGEST_SIGNATURE]))
    except binascii.Error:
        return None


def _decoded(data: str, path: str) -> str:
    try:
        text = base64.b64decode(data).decode()
    except ValueError:
        wrong(path, "must be text in UTF-8, or declare what else it is")
    if not text.strip():
        wrong(path, "must not be empty")
    return text
