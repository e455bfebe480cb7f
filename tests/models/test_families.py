"""A Claude that came out after this version is taken for its nearest relative."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from claude_gateway import ModelInfo, Price, describe_model, shipped_models
from claude_gateway.models.families import guess

KNOWN = {model.id: model for model in shipped_models()}


@pytest.mark.parametrize(
    ("asked", "like"),
    [
        ("claude-opus-6", "claude-opus-5-5"),
        ("claude-opus-5-5-20260922", "claude-opus-5-5"),
        ("claude-opus-10-2", "claude-opus-5-5"),
        ("claude-opus-5-1", "claude-opus-5"),
        ("claude-opus-4-9", "claude-opus-4-8"),
        ("claude-sonnet-7-1", "claude-sonnet-5-5"),
        ("claude-sonnet-7-1-20270101", "claude-sonnet-5-5"),
        ("claude-sonnet-6-latest", "claude-sonnet-5-5"),
        ("claude-haiku-6", "claude-haiku-5-5"),
        ("claude-fable-6", "claude-fable-5-2"),
        ("claude-mythos-5", "claude-fable-5"),
        ("claude-mythos-5-1", "claude-fable-5-1"),
        ("claude-mythos-5-2-20261109", "claude-fable-5-2"),
        ("claude-opus-3", "claude-opus-4-5"),
    ],
)
def test_t21_an_unlisted_claude_can_what_its_family_can(asked: str, like: str) -> None:
    guessed, relative = guess(asked, shipped_models()), KNOWN[like]
    assert guessed.id == asked
    for ability in (
        "thinking",
        "sampling",
        "forced_tool_choice",
        "system_messages",
        "prefill",
        "binds_thinking",
        "max_tokens",
        "max_input_tokens",
    ):
        assert getattr(guessed, ability) == getattr(relative, ability)


@pytest.mark.parametrize("asked", ["claude-opus-6", "claude-next", "llama-4"])
def test_t21_what_an_unlisted_model_costs_is_unknown(asked: str) -> None:
    guessed = guess(asked, [*shipped_models(), ModelInfo("claude-opus-5-9", price=Price(1, 2))])
    assert guessed.price_at(date.max) is None


@pytest.mark.parametrize("asked", ["claude-opus-4-5-20251101", "claude-opus-4-5-latest"])
def test_t21_a_dated_id_of_a_listed_model_is_that_model(asked: str) -> None:
    assert guess(asked, shipped_models()) == replace(KNOWN["claude-opus-4-5"], id=asked)


def test_t21_a_model_is_described_as_shipped_or_else_guessed() -> None:
    assert describe_model("claude-opus-5") is KNOWN["claude-opus-5"]
    assert describe_model("claude-opus-6") == guess("claude-opus-6", shipped_models())


def test_t21_an_unlisted_model_is_neither_old_nor_described() -> None:
    old = ModelInfo("claude-opus-4", "Old", "Good", legacy=True, retires=date(2026, 1, 1))
    guessed = guess("claude-opus-6", [replace(old, released=date(2025, 1, 1))])
    assert guessed == ModelInfo("claude-opus-6")
    assert guessed.status(date.max) == "active"


@pytest.mark.parametrize(
    "asked", ["claude-next", "claude-opus", "claude-epic-6", "opus-6", "claude-opus-6-1-2", "", "é"]
)
def test_t21_of_a_name_that_tells_nothing_nothing_is_assumed(asked: str) -> None:
    assert guess(asked, shipped_models()) == ModelInfo(asked)
