"""Lists of models, judged by the clients' own classes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import anthropic.types
import openai.types
import pytest

from claude_gateway.dialects.model_lists import (
    anthropic_model,
    anthropic_page,
    capability,
    openai_model,
)
from claude_gateway.models.table import shipped_models
from claude_gateway.types.models import ModelInfo, Price

TODAY = date(2026, 11, 1)
UNKNOWN = ModelInfo("claude-next")
ALL = [*shipped_models(), UNKNOWN]


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
def test_openai_reads_every_model(model: ModelInfo) -> None:
    read = openai.types.Model.model_validate(openai_model(model), strict=True)
    assert (read.id, read.object, read.owned_by) == (model.id, "model", "anthropic")
    assert read.created == model.created


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
def test_anthropic_reads_every_model(model: ModelInfo) -> None:
    read = anthropic.types.ModelInfo.model_validate(anthropic_model(model, TODAY))
    assert (read.id, read.type, read.display_name) == (model.id, "model", model.title)
    assert (read.max_tokens, read.max_input_tokens) == (model.max_tokens, model.max_input_tokens)
    assert read.created_at == datetime.fromtimestamp(model.created, UTC)


@pytest.mark.parametrize(
    ("retires", "stage", "at"),
    [
        (None, "active", None),
        (date(2026, 12, 1), "deprecated", "2026-12-01T00:00:00Z"),
        (date(2026, 11, 1), "retired", "2026-11-01T00:00:00Z"),
    ],
)
def test_a_model_says_where_in_its_life_it_is(
    retires: date | None, stage: str, at: str | None
) -> None:
    entry = anthropic_model(ModelInfo("m", retires=retires), TODAY)
    assert (entry["lifecycle"], entry["retires_at"]) == (stage, at)


@pytest.mark.parametrize(
    ("day", "stage"), [(date(2026, 11, 1), "deprecated"), (date(2026, 11, 2), "active")]
)
def test_a_model_is_deprecated_from_its_day_on(day: date, stage: str) -> None:
    entry = anthropic_model(ModelInfo("m", deprecated=day), TODAY)
    assert (entry["lifecycle"], entry["deprecated_at"]) == (stage, f"{day}T00:00:00Z")


def test_a_model_is_described_as_of_today_unless_another_day_is_meant() -> None:
    assert anthropic_model(ModelInfo("m", retires=date(2020, 1, 1)))["lifecycle"] == "retired"


def test_a_day_is_written_as_a_whole_second_in_utc() -> None:
    entry = anthropic_model(ModelInfo("m", released=date(2026, 9, 1)), TODAY)
    assert entry["created_at"] == "2026-09-01T00:00:00Z"
    assert anthropic_model(UNKNOWN, TODAY)["created_at"] == "1970-01-01T00:00:00Z"


def test_a_page_holds_everything() -> None:
    page = anthropic_page([ModelInfo("a"), ModelInfo("b"), ModelInfo("c")])
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("a", "c", False)


def test_a_page_may_be_empty() -> None:
    assert anthropic_page([]) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_a_price_that_nobody_knows_is_null_and_never_zero() -> None:
    prices = pricing(UNKNOWN)
    assert prices.pop("currency") == "USD"
    assert prices.pop("per_tokens") == 1_000_000
    assert set(prices.values()) == {None}


def test_a_part_of_a_price_that_nobody_knows_is_null() -> None:
    prices = pricing(ModelInfo("m", price=Price(4, 20, cache_read=0.2)))
    assert (prices["input"], prices["output"], prices["cache_read"]) == (4, 20, 0.2)
    assert (prices["cache_write_5m"], prices["cache_write_1h"]) == (None, None)


def test_tiers_are_listed_and_the_first_is_the_headline() -> None:
    (haiku,) = [model for model in shipped_models() if model.id == "claude-haiku-5-5"]
    prices = pricing(haiku)
    assert (prices["input"], prices["cache_read"]) == (0.1, 0.01)
    assert [(tier["above"], tier["output"]) for tier in prices["tiers"]] == [
        (0, 0.5),
        (100_000, 2.5),
    ]


def pricing(model: ModelInfo) -> dict[str, Any]:
    prices = capability(model, [], TODAY)["pricing"]
    assert isinstance(prices, dict)
    return prices


def test_a_capability_says_all_that_is_known() -> None:
    model = ModelInfo(
        "m", "Model", "Good", released=date(2026, 1, 2), retires=date(2027, 1, 2), vision=False
    )
    described = capability(model, ["alias"], TODAY)
    assert {key: described[key] for key in described if key != "pricing"} == {
        "id": "m",
        "name": "Model",
        "description": "Good",
        "max_tokens": 64_000,
        "max_input_tokens": 200_000,
        "supports_streaming": True,
        "supports_tools": True,
        "supports_vision": False,
        "supports_thinking": False,
        "supports_structured_outputs": True,
        "lifecycle": {
            "status": "active",
            "released": "2026-01-02",
            "deprecated": None,
            "retires": "2027-01-02",
        },
        "aliases": ["alias"],
    }
    assert capability(UNKNOWN, [], TODAY)["lifecycle"] == {
        "status": "active",
        "released": None,
        "deprecated": None,
        "retires": None,
    }
