"""One function that takes keys out of text, for whatever is about to be shown or written."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Keys of upstream's and the like, and those that the gateway issues.
_KEY = re.compile(r"\b(sk-|cg-(?=[A-Za-z0-9]{20}))[A-Za-z0-9_-]{6,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")


def redacted(text: str) -> str:
    """Return `text` with everything that looks like a key masked.

    Plain searches, which are far cheaper than the patterns, tell that there is none.
    """
    if "sk-" in text or "cg-" in text:
        text = _KEY.sub(r"\1***", text)
    if "bearer" in text.lower():
        text = _BEARER.sub(r"\1***", text)
    return text


def redacted_value(value: object) -> object:
    """Return a JSON value with the keys in all of its strings masked."""
    match value:
        case str():
            return redacted(value)
        case Mapping():
            return {redacted(str(name)): redacted_value(part) for name, part in value.items()}
        case list() | tuple():
            return [redacted_value(part) for part in value]
        case _:
            return value
