"""A call's arguments, typed. The gateway has held them against the schema; this does not rely on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import InvalidRequest


def text(arguments: Mapping[str, object], key: str, default: str | None = None) -> str:
    """Return a string, which must be there unless there is a default."""
    value = arguments.get(key, default)
    if not isinstance(value, str):
        raise InvalidRequest(f"{key} must be a string.", param=key)
    return value


def flag(arguments: Mapping[str, object], key: str) -> bool:
    """Return true or false; false when it is absent."""
    value = arguments.get(key, False)
    if not isinstance(value, bool):
        raise InvalidRequest(f"{key} must be true or false.", param=key)
    return value


def number(arguments: Mapping[str, object], key: str, default: int, most: int) -> int:
    """Return a whole number from 1 to `most`."""
    value = arguments.get(key, default)
    if isinstance(value, float) and value.is_integer():  # JSON does not tell 1 from 1.0
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidRequest(f"{key} must be a whole number from 1 to {most}.", param=key)
    return value


def objects(arguments: Mapping[str, object], key: str) -> Sequence[Mapping[str, object]]:
    """Return a list of objects that is not empty."""
    values = arguments.get(key)
    if isinstance(values, list) and values:
        found = [value for value in values if isinstance(value, dict)]
        if len(found) == len(values):
            return found
    raise InvalidRequest(f"{key} must be an array of objects, and not empty.", param=key)
