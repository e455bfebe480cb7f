"""Whether an answer fits the shape that was asked for, which upstream does not always promise.

The schema is the client's, so it must not be able to keep the gateway busy: steps are counted,
nothing is fetched, and regular expressions, which can take for ever, are not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import orjson
from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.exceptions import Unresolvable

Verdict: TypeAlias = Literal["true", "false", "unknown"]

MOST_STEPS = 100_000
DATA = frozenset({"const", "enum", "default", "examples"})


class _TooMuch(Exception):
    """The schema asks for more steps than anything sensible."""


def fits(text: str, schema: Mapping[str, object]) -> Verdict:
    """Say whether `text` is JSON that fits; unknown when that cannot be told."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "false"
    tried = _without_patterns(schema)
    try:
        if not _valid(Draft202012Validator.META_SCHEMA, schema):
            return "unknown"
        if not _valid(tried, value):
            return "false"
    except (Unresolvable, _TooMuch, RecursionError, ValueError, ArithmeticError):
        return "unknown"
    return "true" if tried == schema else "unknown"


def _valid(schema: object, value: object) -> bool:
    steps = _Steps()
    counted = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {key: steps.counted(check) for key, check in Draft202012Validator.VALIDATORS.items()},
    )
    return bool(counted(schema, registry=REGISTRY).is_valid(value))


class _Steps:
    def __init__(self) -> None:
        self._left = MOST_STEPS

    def counted(self, check: Callable[..., Any]) -> Callable[..., Any]:
        """Return a keyword's check that gives up when there have been too many."""

        def checked(validator: object, wanted: object, value: object, schema: object) -> Any:
            self._left -= 1
            if isinstance(wanted, list | dict):
                self._left -= len(wanted)
            elif wanted is True and isinstance(value, list):  # each may be compared with each
                self._left -= len(value) ** 2
            if self._left < 0:
                raise _TooMuch
            return check(validator, wanted, value, schema)

        return checked


def _without_patterns(schema: object) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    named = schema.get("patternProperties")
    left_out = {"patternProperties", "additionalProperties", "unevaluatedProperties"}
    return {
        key: value if key in DATA else _without_patterns(value)
        for key, value in schema.items()
        if not (key == "pattern" and isinstance(value, str)) and not (named and key in left_out)
    }
