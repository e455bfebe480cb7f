"""What a model costs depends on the day and on the prompt, and is data."""

from __future__ import annotations

from datetime import date

import pytest

from claude_gateway import ModelInfo, Price, shipped_models
from claude_gateway.errors import SettingsError
from claude_gateway.models.table import parse

TODAY, SOON = date(2026, 11, 1), date(2026, 12, 1)
DEARER = Price(3, 15, since=SOON)


def priced(*lines: str) -> ModelInfo:
    return parse("\n".join(["[[models]]", "id = 'm'", *lines])).models[0]


def test_a_plugin_may_say_one_price_and_no_more() -> None:
    model = ModelInfo("m", price=Price(1, 5))
    assert model.price_at(TODAY) == model.price_at(date.min, 10**9) == Price(1, 5)


def test_prices_win_over_the_one_price() -> None:
    assert ModelInfo("m", price=Price(1, 5), prices=(Price(2, 6),)).price_at(TODAY) == Price(2, 6)


def test_a_model_without_a_price_has_none() -> None:
    assert ModelInfo("m").price_at(TODAY) is None
    assert ModelInfo("m", prices=(DEARER,)).price_at(TODAY) is None


def test_a_price_holds_from_its_first_day_on() -> None:
    model = ModelInfo("m", prices=(DEARER, Price(2, 10)))
    assert model.price_at(TODAY) == Price(2, 10)
    assert model.price_at(SOON) == model.price_at(date.max) == DEARER


def test_a_change_replaces_all_tiers_before_it() -> None:
    model = ModelInfo("m", prices=(Price(1, 2), Price(5, 6, above=100), DEARER))
    assert model.price_at(TODAY, 101) == Price(5, 6, above=100)
    assert model.price_at(SOON, 101) == DEARER


@pytest.mark.parametrize(("prompt", "rate"), [(0, 0.1), (100_000, 0.1), (100_001, 0.5)])
def test_haiku_is_dearer_above_its_threshold(prompt: int, rate: float) -> None:
    (haiku,) = [model for model in shipped_models() if model.id == "claude-haiku-5-5"]
    price = haiku.price_at(TODAY, prompt)
    assert price is not None
    assert (price.input, price.output) == (rate, 5 * rate)
    assert price.cache_read == pytest.approx(rate / 10)
    assert price.cache_write_5m == pytest.approx(rate * 1.25)


@pytest.mark.parametrize(
    ("model", "factor"),
    [("claude-fable-5-2", 0.025), ("claude-opus-5-5", 0.05), ("claude-sonnet-5-5", 0.1)],
)
def test_reading_the_cache_has_each_models_own_rate(model: str, factor: float) -> None:
    (found,) = [one for one in shipped_models() if one.id == model]
    price = found.price_at(TODAY)
    assert price is not None
    assert price.cache_read == pytest.approx(price.input * factor)


def test_a_factor_is_of_the_input_price_and_exact() -> None:
    model = priced("price = { input = 0.1, output = 1, cache_read_factor = 0.1 }")
    assert model.prices == (Price(0.1, 1, cache_read=0.01),)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("price = 5", "price: wants a table"),
        ("prices = 5", r"prices: wants \[\[models.prices\]\]"),
        ("prices = [5]", r"prices\[0\]: wants a table"),
        ("price = { input = 1 }", "price.output: is missing"),
        ("price = { input = -1, output = 2 }", "price.input: wants a number from 0 up, not -1"),
        ("price = { input = true, output = 2 }", "price.input: wants a number"),
        ("price = { input = nan, output = inf }", "price.input: .*price.output: "),
        ("price = { input = 1, output = 2, tax = 3 }", "price.tax: there is no such field"),
        ("price = { input = 1, output = 2, above = -1 }", "price.above: wants a number of tokens"),
        ("price = { input = 1, output = 2, since = 'now' }", "price.since: wants a day"),
        (
            "price = { input = 1, output = 2, cache_read = 1, cache_read_factor = 1 }",
            "price.cache_read: is given twice",
        ),
        ("prices = [{ input = 1, output = 2 }, { input = 2, output = 3 }]", "prices: two of them"),
        ("price = { input = 1, output = 2 }\nprices = []", "price: is given twice"),
    ],
)
def test_a_price_that_cannot_be_is_refused(line: str, mistake: str) -> None:
    with pytest.raises(SettingsError, match=f"table: m: {mistake}"):
        priced(line)
