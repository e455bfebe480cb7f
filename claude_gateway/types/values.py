"""Values: what is never changed once it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
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
    """Return another value with some fields changed, as dataclasses.replace does at four times the price.

    Raises AttributeError for a field that there is not.
    """
    new: T = _copier(type(old))(old)  # type: ignore[arg-type]  # classes can be hashed
    for name, field_ in changes.items():
        setattr(new, name, field_)
    return new


@cache
def _copier(kind: type[Any]) -> Callable[[Any], Any]:
    """Return what copies a value, written out as dataclasses write out what they make."""
    lines = [f" new.{each.name} = old.{each.name}" for each in fields(kind)]
    scope: dict[str, Any] = {"made": object.__new__, "kind": kind}
    exec("\n".join(["def copied(old):", " new = made(kind)", *lines, " return new"]), scope)  # noqa: S102
    copied: Callable[[Any], Any] = scope["copied"]
    return copied
