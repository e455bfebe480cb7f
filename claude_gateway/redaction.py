"""One function that takes credentials out of text, for whatever is about to be shown or written.

What it knows by its looks: keys of upstream's and of the gateway, whatever follows the names of headers
and fields that hold credentials, and those in URLs. What a person says in a conversation is theirs, and
does not come here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"

# Keys of upstream's and the like, and those that the gateway issues.
_KEY = re.compile(r"\b(sk-|cg-(?=[A-Za-z0-9]{20}))[A-Za-z0-9_-]{6,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_USERINFO = re.compile(r"(://)[^\s/?#\"'<>\\]{1,500}@")
_VALUE = r"[^\s&#\"'<>\\,;)]"
_NAMES = (
    r"(?:[a-z0-9]{1,30}[_-]){0,5}(?:api[_-]?key|(?:access|refresh|id|auth|session|bot|security)[_-]?token"
    r"|client[_-]?secret|secret(?:[_-](?:access[_-])?key)?|passw(?:or)?d|private[_-]?key)"
)
# Alone, these two are words like others; in a query they are not.
_QUERY = re.compile(
    rf"(?i)((?:[?&;](?:key|token|sig|(?:x-amz-)?signature)|(?<![a-z0-9_-]){_NAMES})=){_VALUE}+"
)
_HEADER = re.compile(
    r"(?i)((?:x-api-key|(?:proxy-)?authorization)\\?[\"']?\s{0,3}[:=,]\s{0,3}b?\\?[\"']?(?:(?:bearer|basic)\s+)?)"
    rf"(?!(?:bearer|basic)\b){_VALUE}{{6,}}"
)
_FIELD = re.compile(
    rf"(?i)((\\?[\"']){_NAMES}\2\s{{0,3}}:\s{{0,3}}(\\?[\"']))(?:(?!\3)(?:\\.|[^\\]))+"
)
_NAME = re.compile(rf"(?i)(?:{_NAMES}|token|x-api-key|(?:proxy-)?authorization|cookie)")


def redacted(text: str) -> str:
    """Return `text` with every credential masked that can be told from other words.

    Plain searches, which are far cheaper than the patterns, tell that there is none.
    """
    if text.isidentifier():  # as most ids are; every pattern wants a sign besides letters and _
        return text
    if "sk-" in text or "cg-" in text:
        text = _KEY.sub(rf"\1{HIDDEN}", text)
    if "://" in text:
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
    low = text.lower()
    if "bearer" in low:
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    if "api" in low or "auth" in low:
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
    # A token's quote is part of its sign: the line of every request counts tokens.
    if "api" in low or 'token"' in low or "token'" in low or "token\\" in low or _telling(low):
        text = _FIELD.sub(rf"\1{HIDDEN}", text)
    return text


def _telling(low: str) -> bool:
    return "secret" in low or "passw" in low or "private" in low


def redacted_value(value: object) -> object:
    """Return a JSON value with the credentials in all of its strings masked."""
    match value:
        case str():
            return redacted(value)
        case Mapping():
            return {redacted(str(name)): _of(str(name), part) for name, part in value.items()}
        case list() | tuple():
            return [redacted_value(part) for part in value]
        case _:
            return value


def _of(name: str, value: object) -> object:
    """Return the value of a field, whose name may say that it is a credential."""
    if isinstance(value, str) and value and _NAME.fullmatch(name):
        return HIDDEN
    return redacted_value(value)
