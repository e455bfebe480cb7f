"""One model's entry in a table, read and judged: which fields of ModelInfo it sets, to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import NamedTuple, TypeAlias, get_args

from claude_gateway.models.prices import is_day, read_price, read_prices
from claude_gateway.types.models import Effort, ModelInfo, NoThinking, Thinking

Fields: TypeAlias = Mapping[str, object]


class Kind(NamedTuple):
    """What a field wants, in words, and whether a value is that."""

    wants: str
    fits: Callable[[object], bool]


FLAG = Kind("true or false", lambda value: isinstance(value, bool))
TEXT = Kind("a text", lambda value: isinstance(value, str))
COUNT = Kind("a number of tokens", lambda value: type(value) is int and value > 0)
DAY = Kind("a day such as 2026-09-28", is_day)
LEVELS = Kind(
    f"a list of {', '.join(get_args(Effort))}",
    lambda value: isinstance(value, list) and all(level in get_args(Effort) for level in value),
)


def _one_of(*choices: str) -> Kind:
    return Kind(f"one of {', '.join(choices)}", lambda value: value in choices)


CHOICES: Mapping[str, Kind] = {
    "thinking": _one_of(*get_args(Thinking)),
    "no_thinking": _one_of(*get_args(NoThinking)),
    "efforts": LEVELS,
}


def _kind(name: str, default: object) -> Kind:
    if name in CHOICES:
        return CHOICES[name]
    if isinstance(default, bool):
        return FLAG
    if isinstance(default, int):
        return COUNT
    return DAY if default is None else TEXT


# A field that ModelInfo gets later can be said in a table at once.
KINDS: Mapping[str, Kind] = {
    field.name: _kind(field.name, "" if field.default is MISSING else field.default)
    for field in fields(ModelInfo)
    if field.name not in ("id", "price", "prices")
}


def read_entry(raw: Mapping[str, object], say: Callable[[str], None]) -> Fields:
    """Read everything but the id; `say` hears of every mistake, and what is wrong is left out."""
    found: dict[str, object] = {}
    for key, value in raw.items():
        if key == "price":
            found["prices"] = read_price(value, say)
        elif key == "prices":
            found["prices"] = read_prices(value, say)
        elif (kind := KINDS.get(key)) is None:
            if key != "id":
                say(f"{key}: there is no such field")
        elif not kind.fits(value):
            say(f"{key}: wants {kind.wants}, not {value!r}")
        else:
            found[key] = tuple(value) if isinstance(value, list) else value
    if "price" in raw and "prices" in raw:
        say("price: is given twice, as price and as prices")
    return found
