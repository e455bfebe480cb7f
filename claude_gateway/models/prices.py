"""Prices in a table, read and judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from claude_gateway.types.models import Price

# What all rates are multiplied by: a word of Usage, a value of it, the factor.
Factors: TypeAlias = Mapping[str, Mapping[str, float]]

WORDS = ("service_tier", "inference_geo")
RATES = ("input", "output")
# What may be said as a figure, or as a multiple of `input`.
CACHE_RATES = ("cache_read", "cache_write_5m", "cache_write_1h")
FACTOR = "_factor"
KNOWN = {*RATES, *CACHE_RATES, *(f"{rate}{FACTOR}" for rate in CACHE_RATES), "since", "above"}


def read_prices(entries: object, say: Callable[[str], None]) -> tuple[Price, ...]:
    """Read a list of prices; `say` hears of every mistake, and what is wrong is left out."""
    if not isinstance(entries, list):
        say("prices: wants [[models.prices]], not one value")
        return ()
    read = [_price(entry, f"prices[{at}]", say) for at, entry in enumerate(entries)]
    prices = tuple(price for price in read if price is not None)
    if len({(price.since, price.above) for price in prices}) < len(prices):
        say("prices: two of them hold from the same day for the same prompts")
    return prices


def read_price(entry: object, say: Callable[[str], None]) -> tuple[Price, ...]:
    """Read the only price of a model."""
    price = _price(entry, "price", say)
    return () if price is None else (price,)


def read_factors(raw: object, say: Callable[[str], None]) -> Factors:
    """Read what rates are multiplied by; `say` hears of every mistake."""
    if not isinstance(raw, Mapping):
        say("factors: wants [factors]")
        return {}
    for word, by_value in raw.items():
        if word not in WORDS:
            say(f"factors: {word}: there is no such factor")
        elif not isinstance(by_value, Mapping) or not all(map(is_figure, by_value.values())):
            say(f"factors: {word}: wants a table such as {{ us = 1.1 }}")
    return raw


def is_day(value: object) -> bool:
    """Whether it is a date without a time, as in 2026-09-28."""
    return isinstance(value, date) and not isinstance(value, datetime)


def is_figure(value: object) -> bool:
    """Whether it is a number that a price or a factor can be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _price(entry: object, where: str, say: Callable[[str], None]) -> Price | None:
    if not isinstance(entry, Mapping):
        say(f"{where}: wants a table such as {{ input = 2, output = 10 }}")
        return None
    mistakes = [f"{where}.{mistake}" for mistake in _mistakes(entry)]
    for mistake in mistakes:
        say(mistake)
    return None if mistakes else Price(**_figures(entry))


def _mistakes(entry: Mapping[str, object]) -> list[str]:
    found = [f"{rate}: is missing" for rate in RATES if rate not in entry]
    for key, value in entry.items():
        if key not in KNOWN:
            found.append(f"{key}: there is no such field")
        elif key == "since":
            found += [] if is_day(value) else [f"since: wants a day, not {value!r}"]
        elif key == "above":
            whole = type(value) is int and value >= 0
            found += [] if whole else [f"above: wants a number of tokens, not {value!r}"]
        elif not is_figure(value):
            found.append(f"{key}: wants a number from 0 up, not {value!r}")
    both = [rate for rate in CACHE_RATES if rate in entry and f"{rate}{FACTOR}" in entry]
    return found + [f"{rate}: is given twice, as a figure and as a factor" for rate in both]


def _figures(entry: Mapping[str, Any]) -> dict[str, Any]:
    figures = {key: value for key, value in entry.items() if not key.endswith(FACTOR)}
    for rate in CACHE_RATES:
        if (factor := entry.get(f"{rate}{FACTOR}")) is not None:
            # 0.1 times 0.1 is 0.01 in decimals only.
            figures[rate] = float(Decimal(str(factor)) * Decimal(str(entry["input"])))
    return figures
