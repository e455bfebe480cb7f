"""Usage as upstream writes it: counted within a round, and added up over rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard


def counted(before: object, now: Mapping[str, object]) -> dict[str, object]:
    """Return what a round has used: counts are cumulative, so `now` replaces what it names."""
    return {**mapping(before), **{key: count for key, count in now.items() if count is not None}}


def added(before: object, more: object) -> dict[str, object]:
    """Return the usage of two rounds together, whatever it is that upstream counts."""
    total = {**mapping(before)}
    for key, count in mapping(more).items():
        total[key] = _both(total.get(key), count)
    return total


def mapping(value: object) -> Mapping[str, object]:
    """Return `value` if it is a JSON object, otherwise an empty one."""
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def _both(before: object, more: object) -> object:
    if isinstance(before, Mapping) and isinstance(more, Mapping):
        return added(before, more)
    if isinstance(before, list) and isinstance(more, list):
        return [*before, *more]  # one entry for each attempt
    if _is_count(before):
        return before + more if _is_count(more) else before
    return before if more is None else more


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0
