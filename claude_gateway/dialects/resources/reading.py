"""What the fields and the queries of resources may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast, get_args

import orjson

from claude_gateway.dialects.fields import expect, optional, wrong
from claude_gateway.types.approvals import Approval
from claude_gateway.types.resources import Page

LARGEST_METADATA = 16 * 2**10  # bytes, as compact JSON
LONGEST_NAME, MOST_NAMES = 200, 500
LONGEST_QUERY = 500
LARGEST_LIMIT = 1000
FARTHEST = 10**12  # of an offset or a number; more than anybody has, and an integer to any store


def text(fields: Mapping[str, object], key: str, most: int, *, least: int = 0) -> str | None:
    """Return a string of `least` to `most` characters; None when it is absent or null."""
    value = optional(fields, key, str)
    if value is None:
        return None
    if len(value) > most:
        wrong(key, f"must have at most {most} characters, not {len(value)}")
    if least and len(value.strip()) < least:
        wrong(key, "must not be blank" if least == 1 else f"must have at least {least} characters")
    return value


def metadata(fields: Mapping[str, object], key: str = "metadata") -> dict[str, object] | None:
    """Return an object of the client's own, of bounded size; None when it is absent or null."""
    value = optional(fields, key, dict)
    if value is None:
        return None
    try:  # as deep as it will stand in a list that is written
        size = len(orjson.dumps([[[[value]]]]))
    except TypeError:
        wrong(key, "is nested too deeply")
    if size > LARGEST_METADATA:
        wrong(key, f"must have at most {LARGEST_METADATA // 2**10} KB as JSON")
    return value


def names(fields: Mapping[str, object], key: str, path: str = "") -> tuple[str, ...] | None:
    """Return an array of names, each once; None when it is absent or null."""
    values = optional(fields, key, list, path)
    if values is None:
        return None
    key = f"{path}{key}"
    if len(values) > MOST_NAMES:
        wrong(key, f"must have at most {MOST_NAMES} entries")
    for i, value in enumerate(values):
        if not 0 < len(expect(value, str, f"{key}[{i}]")) <= LONGEST_NAME:
            wrong(f"{key}[{i}]", f"must have 1 to {LONGEST_NAME} characters")
    return tuple(dict.fromkeys(values))


def page(query: Mapping[str, str]) -> Page:
    """Return the window that a list is asked for."""
    limit = number(query, "limit", 1, LARGEST_LIMIT)
    offset = number(query, "offset", 0, FARTHEST)
    return Page(limit=Page().limit if limit is None else limit, offset=offset or 0)


def number(query: Mapping[str, str], key: str, low: int, high: int) -> int | None:
    """Return a whole number from `low` to `high`; None when it is absent or empty."""
    given = query.get(key)
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(high))):
        wrong(key, f"must be a whole number from {low} to {high}")
    if not low <= int(given) <= high:
        wrong(key, f"must be a whole number from {low} to {high}, not {given}")
    return int(given)


def choice(query: Mapping[str, str], key: str, choices: Collection[str]) -> str:
    """Return one of `choices`; "" when it is absent or empty."""
    given = query.get(key, "")
    if given and given not in choices:
        wrong(key, f"must be one of {', '.join(choices)}, not {given[:50]!r}")
    return given


def words(query: Mapping[str, str], key: str = "q") -> str:
    """Return what is searched for; "" for everything."""
    given = query.get(key, "").strip()
    if len(given) > LONGEST_QUERY:
        wrong(key, f"must have at most {LONGEST_QUERY} characters")
    return given


def approval(fields: Mapping[str, object], inside: str = "") -> Approval:
    """Read how often a person shall be asked about calls."""
    said = optional(fields, "approval", str, inside)
    if said is None:
        return "never"
    if said not in get_args(Approval):
        words = ", ".join(get_args(Approval))
        wrong(f"{inside}approval", f"must be one of {words}", code="unsupported_value")
    return cast("Approval", said)
