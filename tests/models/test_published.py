"""The shipped table says what was published, and every id that was retired leads somewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import date
from typing import get_args

import pytest

from claude_gateway import Event, ModelInfo, ModelRequest, Ping, shipped_models
from claude_gateway.backends import Backend
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.families import describe_model
from claude_gateway.models.table import shipped
from claude_gateway.types.models import NoThinking
from claude_gateway.web.lifecycle import notes

DAY = date(2026, 11, 22)
KNOWN = {model.id: model for model in shipped_models()}
M, K = 1_000_000, 1_000

# Dollars per million tokens: in, out, 5m write, 1h write, read; then the limits, and thinking.
PUBLISHED = {
    "claude-fable-5-2": (8, 40, None, None, 0.2, M, 128 * K, "always"),
    "claude-fable-5-1": (10, 50, 12.5, 20, 0.25, M, 128 * K, "always"),
    "claude-fable-5": (10, 50, 12.5, 20, 1, M, 128 * K, "always"),
    "claude-opus-5-5": (4, 20, None, None, 0.2, M, 128 * K, "always"),
    "claude-opus-5": (5, 25, 6.25, 10, 0.5, M, 128 * K, "adaptive"),
    "claude-opus-4-8": (5, 25, 6.25, 10, 0.5, M, 128 * K, "adaptive"),
    "claude-opus-4-7": (5, 25, 6.25, 10, 0.5, M, 128 * K, "adaptive"),
    "claude-opus-4-6": (5, 25, 6.25, 10, 0.5, M, 128 * K, "adaptive"),
    "claude-opus-4-5": (5, 25, 6.25, 10, 0.5, 200 * K, 64 * K, "manual"),
    "claude-sonnet-5-5": (2, 10, 2.5, 4, 0.2, M, 128 * K, "adaptive"),
    "claude-sonnet-5": (2, 10, 2.5, 4, 0.2, M, 128 * K, "adaptive"),
    "claude-sonnet-4-6": (3, 15, 3.75, 6, 0.3, M, 128 * K, "adaptive"),
    "claude-haiku-5-5": (0.1, 0.5, 0.125, 0.2, 0.01, M, 128 * K, "adaptive"),
    "claude-haiku-4-5": (1, 5, 1.25, 2, 0.1, 200 * K, 64 * K, "manual"),
}


def test_every_published_model_is_there_and_no_other() -> None:
    assert KNOWN.keys() == PUBLISHED.keys()


@pytest.mark.parametrize("id_", PUBLISHED)
def test_a_model_costs_and_can_what_was_published(id_: str) -> None:
    model = KNOWN[id_]
    price = model.price_at(DAY)
    assert price is not None
    rates = (
        price.input,
        price.output,
        price.cache_write_5m,
        price.cache_write_1h,
        price.cache_read,
    )
    limits = (model.max_input_tokens, model.max_tokens)
    assert (*rates, *limits, model.thinking) == PUBLISHED[id_]


def test_the_small_model_is_dearer_for_a_large_prompt() -> None:
    price = KNOWN["claude-haiku-5-5"].price_at(DAY, 100_001)
    assert price is not None
    assert (price.input, price.output, price.cache_write_5m, price.cache_write_1h) == (
        0.5,
        2.5,
        0.625,
        1,
    )
    assert price.cache_read == 0.05
    edge = KNOWN["claude-haiku-5-5"].price_at(DAY, 100_000)
    assert edge is not None
    assert edge.input == 0.1


def test_t03_the_models_that_cannot_be_made_to_call_are_those_that_were_named() -> None:
    unwilling = {model.id for model in KNOWN.values() if not model.forced_tool_choice}
    assert unwilling == {
        "claude-fable-5-1",
        "claude-fable-5-2",
        "claude-opus-5-5",
        "claude-sonnet-5-5",
    }


def test_t08_the_models_that_check_what_comes_before_thinking_are_those_that_were_named() -> None:
    assert {model.id for model in KNOWN.values() if model.binds_thinking} == {
        "claude-fable-5-1",
        "claude-fable-5-2",
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-haiku-5-5",
    }
    newer = [
        describe_model(id_) for id_ in ("claude-mythos-5-2", "claude-opus-6", "claude-haiku-7")
    ]
    assert all(model.binds_thinking for model in newer)
    assert not describe_model("claude-mythos-5").binds_thinking


def test_t20_sampling_ended_with_opus_4_7() -> None:
    sampling = {model.id for model in KNOWN.values() if model.sampling}
    assert sampling == {
        "claude-opus-4-5",
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-haiku-4-5",
    }


def test_since_4_6_no_model_goes_on_with_a_turn_of_the_assistants() -> None:
    assert {m.id for m in KNOWN.values() if m.prefill} == {"claude-opus-4-5", "claude-haiku-4-5"}
    assert {m.no_thinking for m in KNOWN.values()} == set(get_args(NoThinking))


RETIRED = [
    "claude-3-opus-20240229",
    "claude-3-sonnet-20240229",
    "claude-3-haiku-20240307",
    "claude-3-5-sonnet-20240620",
    "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-20241022",
    "claude-3-7-sonnet-20250219",
    "claude-3-opus-latest",
    "claude-3-5-sonnet-latest",
    "claude-3-5-haiku-latest",
    "claude-3-7-sonnet-latest",
    "claude-opus-4-20250514",
    "claude-opus-4-0",
    "claude-sonnet-4-20250514",
    "claude-sonnet-4-0",
    "claude-opus-4-1",
    "claude-opus-4-1-20250805",
    "claude-mythos-preview",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5-20250929",
    "claude-2.1",
    "claude-instant-1.2",
]


class Claude:
    """Serves what shipped and claims every other Claude, as Anthropic's backend does."""

    models = shipped_models()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()

    def serves(self, model_id: str) -> bool:
        return model_id.startswith("claude-")


@pytest.mark.parametrize("retired", RETIRED)
def test_t21_a_retired_model_is_answered_by_another_and_that_is_said(retired: str) -> None:
    resolved = Catalogue([Backend.of("claude", Claude())], shipped().aliases).resolve(retired)
    assert resolved.model in shipped_models()
    assert resolved.model.status(DAY) == "active"
    assert notes(resolved)["x-gateway-model-remapped"] == f"{retired} -> {resolved.model.id}"
    family = next(name for name in ("opus", "haiku", "sonnet", "claude") if name in retired)
    assert family in resolved.model.id or "instant" in retired or "mythos" in retired


def test_what_is_known_of_the_newest_is_enough_to_use_it() -> None:
    assert ModelInfo("claude-next").prefill
