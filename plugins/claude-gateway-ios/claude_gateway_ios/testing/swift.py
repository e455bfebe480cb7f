"""How Swift's `JSONDecoder`, with its defaults, reads JSON.

Keys match literally and unknown ones are ignored. A key that is required must be there and must not
be null; an optional one may be absent or null, but what is there must be of its type. Numbers are
never strings and never booleans; an `Int` may be written `1.0`. One mistake anywhere, and nothing
at all is decoded.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

SMALLEST, LARGEST = -(2**63), 2**63 - 1
DEEPEST = 512
ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)")


class DecodingError(Exception):
    """What could not be decoded, and where."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path or 'the body'}: {why}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    text: str


def decode(kind: Kind, body: bytes) -> object:
    """Decode a whole body, or nothing. Raises DecodingError."""
    return kind.read(parse(body), "")


def parse(body: bytes) -> object:
    """Parse JSON as Foundation does. Raises DecodingError."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise DecodingError("", "is not UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as exc:
        raise DecodingError("", f"is not JSON: {exc}") from None
    _check(value, "", 0)
    return value


class Kind(ABC):
    """A Swift type."""

    optional = False

    @abstractmethod
    def read(self, value: object, path: str) -> object:
        """Decode a parsed value. Raises DecodingError."""


class String(Kind):
    """`String`."""

    def read(self, value: object, path: str) -> str:
        return value if isinstance(value, str) else _mismatch(path, "String", value)


class Bool(Kind):
    """`Bool`."""

    def read(self, value: object, path: str) -> bool:
        return value if isinstance(value, bool) else _mismatch(path, "Bool", value)


class Int(Kind):
    """`Int`, of 64 bits."""

    def read(self, value: object, path: str) -> int:
        if not isinstance(value, Number):
            _mismatch(path, "Int", value)
        exact = Decimal(value.text)
        if exact != exact.to_integral_value() or not SMALLEST <= exact <= LARGEST:
            raise DecodingError(path, f"the number {value.text} does not fit in Int")
        return int(exact)


class Double(Kind):
    """`Double`."""

    def read(self, value: object, path: str) -> float:
        if not isinstance(value, Number):
            _mismatch(path, "Double", value)
        number = float(value.text)
        if math.isinf(number):
            raise DecodingError(path, f"the number {value.text} does not fit in Double")
        return number


class Iso8601(Kind):
    """`Date`, with the strategy `.iso8601`: whole seconds and a zone."""

    def read(self, value: object, path: str) -> str:
        text = String().read(value, path)
        if not ISO_8601.fullmatch(text):
            raise DecodingError(path, f"{text} is not a date of ISO 8601")
        return text


class Object(Kind):
    """An object of anything, `[String: Any]`."""

    def read(self, value: object, path: str) -> Mapping[str, object]:
        return value if isinstance(value, dict) else _mismatch(path, "Dictionary", value)


@dataclass(frozen=True, slots=True)
class Optional(Kind):
    """`T?`: absent, null, or a T."""

    kind: Kind
    optional = True

    def read(self, value: object, path: str) -> object:
        return None if value is None else self.kind.read(value, path)


@dataclass(frozen=True, slots=True)
class Array(Kind):
    """`[T]`."""

    kind: Kind

    def read(self, value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            _mismatch(path, "Array", value)
        return [self.kind.read(item, f"{path}[{i}]") for i, item in enumerate(value)]


@dataclass(frozen=True, slots=True)
class Dictionary(Kind):
    """`[String: T]`."""

    kind: Kind

    def read(self, value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            _mismatch(path, "Dictionary", value)
        return {key: self.kind.read(item, f"{path}.{key}") for key, item in value.items()}


class Struct(Kind):
    """A struct: its properties by their wire names."""

    def __init__(self, **properties: Kind) -> None:
        self._properties = properties

    def read(self, value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            _mismatch(path, "Dictionary", value)
        return {
            name: self._property(kind, value, name, f"{path}.{name}".lstrip("."))
            for name, kind in self._properties.items()
        }

    @staticmethod
    def _property(kind: Kind, value: Mapping[str, object], name: str, path: str) -> object:
        if value.get(name) is None and not kind.optional:
            raise DecodingError(path, "is required, and is null or not there")
        return kind.read(value.get(name), path)


def _check(value: object, path: str, depth: int) -> None:
    if depth > DEEPEST:
        raise DecodingError(path, "is nested too deeply")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise DecodingError(path, "has half a character")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check(item, f"{path}[{i}]", depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, path, depth + 1)
            _check(item, f"{path}.{key}".lstrip("."), depth + 1)


def _no_constant(name: str) -> NoReturn:
    raise DecodingError("", f"{name} is not JSON")


def _mismatch(path: str, wanted: str, found: object) -> NoReturn:
    kind = "null" if found is None else type(found).__name__
    raise DecodingError(path, f"a {wanted} is wanted, and it is a {kind}")
