"""Values: what is never changed once it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(kind: type[T]) -> type[T]:
    """Make a class one of values: a dataclass with slots, equal and hashed by what is in it.

    That nobody changes one is for type checkers to see to, as for anything `frozen`. Python's own way of
    preventing it makes each field of each object ten times as dear, and a turn in a session makes some
    two hundred of them.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)


def replaced(old: T, **changes: object) -> T:
    """Return another value with some fields changed, as dataclasses.replace does at four times the price."""
    kind: type[Any] = type(old)
    read, places = _read_by(kind)  # type: ignore[arg-type]  # classes can be hashed
    new = list(read(old))
    for name, field_ in changes.items():
        new[places[name]] = field_
    made: T = kind(*new)
    return made


@cache
def _read_by(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], Mapping[str, int]]:
    """Return what reads all fields of a value, of which there are two at least, and where each is."""
    names = [each.name for each in fields(kind)]
    return attrgetter(*names), {name: place for place, name in enumerate(names)}
