"""Whether a value fits a JSON Schema, draft 2020-12, for schemas that come from outside.

A schema must not be able to keep the gateway busy: steps are counted, nothing is fetched, and
regular expressions, which can take for ever, are not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MOST_STEPS = 100_000
DATA = frozenset({"const", "enum", "default", "examples"})
NAMED_BY_PATTERNS = frozenset(
    {"patternProperties", "additionalProperties", "unevaluatedProperties"}
)
LONGEST_REASON = 300  # characters; the values in it are somebody's


class Untold(Exception):
    """Whether it fits cannot be told: the schema is wrong, or asks for too much."""


class _TooMuch(Exception):
    """The schema asks for more steps than anything sensible."""


def schema_mistake(schema: object) -> str | None:
    """Say where and why `schema` is none; None when it is one. Raises Untold."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # as below

    return mistake(schema, Draft202012Validator.META_SCHEMA)


def mistake(value: object, schema: Mapping[str, object]) -> str | None:
    """Say where and why `value` does not fit, patterns aside; None when it does. Raises Untold."""
    # Loaded when the first schema comes: that takes a tenth of a gateway's start.
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    steps = _Steps()
    counted = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {key: steps.counted(check) for key, check in Draft202012Validator.VALIDATORS.items()},
    )
    try:
        tame = _of_one_draft(without_patterns(schema))
        errors = counted(tame, registry=REGISTRY).iter_errors(value)
        return next((_said(error) for error in errors), None)
    except (Unresolvable, _TooMuch, RecursionError, ValueError, ArithmeticError):
        raise Untold from None


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


def without_patterns(schema: object) -> Any:
    """Return the schema without what depends on regular expressions."""
    return _pruned(schema, _depends_on_patterns)


def _of_one_draft(schema: object) -> Any:
    """Return the schema without its own word on its draft, which would bring checks uncounted."""
    return _pruned(schema, lambda key, value, _: key == "$schema" and isinstance(value, str))


def _depends_on_patterns(key: str, value: object, beside: Mapping[str, object]) -> bool:
    if key == "pattern":
        return isinstance(value, str)
    return bool(beside.get("patternProperties")) and key in NAMED_BY_PATTERNS


def _pruned(schema: object, out: Callable[[str, object, Mapping[str, object]], bool]) -> Any:
    if isinstance(schema, list):
        return [_pruned(inner, out) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in DATA else _pruned(value, out)
        for key, value in schema.items()
        if not out(key, value, schema)
    }


def _said(error: ValidationError) -> str:
    why = error.message
    if len(why) > LONGEST_REASON:  # it holds the value
        why = f"does not fit {error.validator}: {error.validator_value!r}"[:LONGEST_REASON]
    where = _path(error.absolute_path)
    return f"{where}: {why}" if where else why


def _path(steps: Iterable[str | int]) -> str:
    named = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps)
    return named[:LONGEST_REASON].removeprefix(".")
