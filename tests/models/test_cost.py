"""Cost is explained, exact, and unknown rather than wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway import ModelInfo, Price, Usage, shipped_models
from claude_gateway.models.cost import MOST_RATES, Costs, Part, classes, cost, cost_of, factor
from claude_gateway.models.table import shipped

TODAY = date(2026, 11, 1)
SONNET = Price(2, 10, cache_read=0.2, cache_write_5m=2.5, cache_write_1h=4)
COUNTS = st.integers(0, 10**7)
RATES = st.floats(0, 1000, allow_nan=False)
WORDS = st.tuples(
    st.sampled_from(["", "standard", "batch", "priority"]), st.sampled_from(["", "us", "global"])
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    brief, hour = draw(COUNTS), draw(COUNTS)
    return Usage(draw(COUNTS), draw(COUNTS), brief + hour, draw(COUNTS), 0, brief, hour)


PRICES = st.builds(Price, RATES, RATES, RATES, RATES, RATES)


def plus(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cache_creation_input_tokens + other.cache_creation_input_tokens,
        one.cache_read_input_tokens + other.cache_read_input_tokens,
        0,
        one.ephemeral_5m_input_tokens + other.ephemeral_5m_input_tokens,
        one.ephemeral_1h_input_tokens + other.ephemeral_1h_input_tokens,
    )


@given(usages(), PRICES)
def test_t17_the_total_is_the_sum_of_its_parts(usage: Usage, price: Price) -> None:
    whole = cost(usage, price)
    assert whole.dollars == sum(part.dollars or 0 for part in whole.parts)
    assert sum(part.tokens for part in whole.parts) == usage.total_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.output_tokens


@given(usages(), usages(), PRICES)
def test_t17_more_tokens_never_cost_less(usage: Usage, more: Usage, price: Price) -> None:
    less, greater = cost(usage, price).dollars, cost(plus(usage, more), price).dollars
    assert less is not None
    assert greater is not None
    assert 0 <= less <= greater


@given(usages())
def test_t17_an_unknown_price_is_never_zero(usage: Usage) -> None:
    assert cost(usage, None).dollars is None
    assert cost_of(ModelInfo("claude-next"), usage, TODAY, {}).dollars is None


def test_t17_every_class_is_paid_at_its_own_rate() -> None:
    usage = Usage(1000, 500, 300, 2000, 0, 100, 200)
    whole = cost(usage, SONNET)
    assert [(part.of, part.tokens, part.dollars) for part in whole.parts] == [
        ("input", 1000, Decimal("0.002")),
        ("cache_write_5m", 100, Decimal("0.00025")),
        ("cache_write_1h", 200, Decimal("0.0008")),
        ("cache_read", 2000, Decimal("0.0004")),
        ("output", 500, Decimal("0.005")),
    ]
    assert whole.dollars == Decimal("0.00845")


def test_t17_cached_input_is_not_counted_twice() -> None:
    usage = Usage.from_wire({"input_tokens": 10, "cache_read_input_tokens": 1_000_000})
    assert cost(usage, SONNET).dollars == Decimal("0.20002")


def test_writes_of_which_nothing_more_is_known_are_brief_ones() -> None:
    assert classes(Usage(cache_creation_input_tokens=9))["cache_write_5m"] == 9
    partly = Usage(cache_creation_input_tokens=9, ephemeral_1h_input_tokens=4)
    assert (classes(partly)["cache_write_5m"], classes(partly)["cache_write_1h"]) == (5, 4)


def test_an_unknown_rate_matters_only_where_there_are_tokens() -> None:
    partly = Price(4, 20, cache_read=0.2)
    assert cost(Usage(1_000_000, 0), partly).dollars == 4
    written = cost(Usage(1_000_000, 0, cache_creation_input_tokens=1), partly)
    assert written.dollars is None
    assert Part("cache_write_5m", 1, None) in written.parts


def test_what_is_free_costs_nothing_and_that_is_known() -> None:
    assert cost(Usage(5, 5), Price(0, 0)).dollars == 0


@pytest.mark.parametrize(
    ("words", "product"),
    [
        ({}, "1"),
        ({"inference_geo": "us"}, "1.1"),
        ({"inference_geo": "moon", "service_tier": "standard"}, "1"),
        ({"inference_geo": "us", "service_tier": "batch"}, "0.55"),
    ],
)
def test_circumstances_multiply_every_rate(words: dict[str, str], product: str) -> None:
    usage = replace(Usage(10, 20, 30, 40), **words)  # type: ignore[arg-type]  # words of it
    assert factor(usage, shipped().factors) == Decimal(product)
    plain, dearer = cost(usage, SONNET), cost(usage, SONNET, Decimal(product))
    assert plain.dollars is not None
    assert dearer.dollars == plain.dollars * Decimal(product)


def test_the_whole_prompt_decides_about_the_tier() -> None:
    (haiku,) = [model for model in shipped_models() if model.id == "claude-haiku-5-5"]
    short, long = Usage(10_000, 0, 0, 90_000), Usage(10_000, 0, 0, 90_001)
    assert cost_of(haiku, short, TODAY, shipped().factors).dollars == Decimal("0.0019")
    assert cost_of(haiku, long, TODAY, shipped().factors).dollars == Decimal("0.00950005")


@given(st.lists(st.tuples(st.sampled_from(shipped_models()), usages(), WORDS), min_size=1))
def test_t17_rates_that_are_kept_give_the_same_dollars(
    calls: list[tuple[ModelInfo, Usage, tuple[str, str]]],
) -> None:
    costs = Costs(shipped().factors, lambda: TODAY)
    for model, counted, (tier, geo) in calls:
        usage = replace(counted, service_tier=tier, inference_geo=geo)
        wanted = cost_of(model, usage, TODAY, shipped().factors).dollars
        assert costs.dollars(model, usage) == wanted


def test_t17_rates_are_worked_out_anew_on_another_day_and_for_a_model_described_anew() -> None:
    day = [TODAY]
    costs = Costs({}, lambda: day[0])
    later = Price(4, 20, since=date(2026, 12, 1))
    model, usage = ModelInfo("m", prices=(Price(2, 10), later)), Usage(1_000_000)
    assert costs.dollars(model, usage) == 2
    day[0] = date(2026, 12, 1)
    assert costs.dollars(model, usage) == 4
    assert costs.dollars(replace(model, prices=(Price(3, 10),)), usage) == 3
    assert costs.dollars(ModelInfo("m"), usage) is None


def test_t32_words_from_outside_keep_only_so_many_rates() -> None:
    costs = Costs({}, lambda: TODAY)
    model = ModelInfo("m", price=Price(2, 10))
    for number in range(MOST_RATES + 10):
        assert costs.dollars(model, Usage(1_000_000, service_tier=f"tier {number}")) == 2
        assert costs.dollars(replace(model, id=f"m{number}"), Usage(1_000_000)) == 2
    assert len(costs._tariffs) <= MOST_RATES
