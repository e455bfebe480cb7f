"""Read fields of a client's JSON, or say which one is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

import orjson

from claude_gateway.errors import InvalidRequest
from claude_gateway.sse import whole_escapes

EXACT = 2**53  # from here on a float may stand for more than one whole number

EXACT = 2**53  # from here on a float may stand for more than one whole number

T = TypeVar("T")

NAMES: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def parse_object(body: bytes) -> dict[str, object]:
    """Parse a request body, which must be one JSON object. Halves of characters become U+FFFD."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
    return value


def parse_json(body: bytes) -> object:
    """Parse a request body. Halves of characters become U+FFFD."""
    if not body or body.isspace():
        raise InvalidRequest("The body is empty; send a JSON object.", code="invalid_json")
    try:
        return _parsed(body)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(
            f"The body is not valid JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}.",
            code="invalid_json",
        ) from None


def optional(values: Mapping[str, object], key: str, kind: type[T], path: str = "") -> T | None:
    """Return `values[key]` as `kind`; None when it is absent or null."""
    value = values.get(key)
    if value is None or type(value) is kind:
        return value
    return expect(value, kind, f"{path}{key}")


def required(values: Mapping[str, object], key: str, kind: type[T], path: str = "") -> T:
    """Return `values[key]` as `kind`, which must be there."""
    value = values.get(key)
    if value is None:
        wrong(f"{path}{key}", f"is required and must be {NAMES[kind]}", code="missing_field")
    return value if type(value) is kind else expect(value, kind, f"{path}{key}")


def passed_on(values: Mapping[str, object], key: str, path: str = "") -> dict[str, object] | None:
    """Return the object `values[key]`, which goes upstream as it is; None when absent or null."""
    value = optional(values, key, dict, path)
    if value:
        try:  # as deep as it will stand in the body that is written
            orjson.dumps([[[[[[[[value]]]]]]]])
        except TypeError:
            wrong(f"{path}{key}", "is nested too deeply")
    return value


def expect(value: object, kind: type[T], path: str, *, also: str = "") -> T:
    """Return `value` if it is of JSON's `kind`. A whole number is a number, true is neither.

    JSON knows no difference between 1 and 1.0, and JSON Schema takes both for an integer. `also` names
    what else is taken, for whoever is told.
    """
    if kind is int and type(value) is float and value.is_integer() and abs(value) < EXACT:
        return int(value)  # type: ignore[return-value]  # it is T, which no checker sees
    if type(value) is not kind and not (kind is float and type(value) is int):
        wrong(path, f"must be {also}{NAMES[kind]}, not {_what(value)}")
    return value  # type: ignore[return-value]  # just looked at; a cast would be one call more


def wrong(path: str, why: str, *, code: str = "invalid_value") -> NoReturn:
    """Refuse the request because of one field."""
    raise InvalidRequest(f"{path} {why}.", code=code, param=path)


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Only the escapes of halves are touched; Latin-1 takes any byte there and back.
        if (whole := whole_escapes(body.decode("latin-1")).encode("latin-1")) == body:
            raise
        return orjson.loads(whole)


def _what(value: object) -> str:
    return "null" if value is None else NAMES.get(type(value), "this")
