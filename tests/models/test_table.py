"""The table that ships is whole, and one that is not is refused."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from claude_gateway import ModelInfo, Price, shipped_models
from claude_gateway.errors import SettingsError
from claude_gateway.models.table import parse, shipped
from claude_gateway.types.models import Effort, Thinking

TABLE = """
[aliases]
short = "long-1"

[[models]]
id = "long-1"
name = "Long 1"
released = 2026-01-02
price = { input = 1, output = 5 }

[[models]]
id = "long-2"
"""


def test_a_table_is_models_in_order_and_other_names() -> None:
    table = parse(TABLE)
    assert [model.id for model in table.models] == ["long-1", "long-2"]
    assert table.aliases == {"short": "long-1"}
    assert table.models[0].prices == (Price(1, 5),)
    assert table.models[1] == ModelInfo("long-2")


def test_an_alias_of_nothing_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="alias 'short' means 'long-1', which is not in the table"
    ):
        parse('[aliases]\nshort = "long-1"')


def test_an_empty_table_is_empty() -> None:
    assert parse("").models == ()


def test_the_shipped_table_is_read_once() -> None:
    assert shipped() is shipped()
    assert shipped_models() is shipped().models


def test_every_shipped_model_can_be_used() -> None:
    models = shipped_models()
    assert len({model.id for model in models}) == len(models)
    for model in models:
        assert model.title != model.id
        assert 0 < model.max_tokens <= model.max_input_tokens
        assert model.thinking in get_args(Thinking)
        assert all(price.input < price.output for price in model.prices)


def test_shipped_aliases_lead_to_models_and_never_hide_one() -> None:
    ids = {model.id for model in shipped_models()}
    assert set(shipped().aliases.values()) <= ids
    assert ids.isdisjoint(shipped().aliases)
    assert {"sonnet", "gpt-4o", "claude-3-5-sonnet-20241022"} <= set(shipped().aliases)


def test_what_is_old_says_since_when() -> None:
    for model in shipped_models():
        assert model.legacy == (model.deprecated is not None)


def test_levels_of_effort_are_listed_from_the_lowest() -> None:
    order = get_args(Effort)
    for model in shipped_models():
        assert sorted(model.efforts, key=order.index) == list(model.efforts)
    by_id = {model.id: model for model in shipped_models()}
    assert "xhigh" not in by_id["claude-opus-4-6"].efforts
    assert by_id["claude-sonnet-5-5"].no_thinking == "between_tools"


def test_the_default_is_not_on_its_way_out() -> None:
    assert shipped_models()[0].status(date.max) == "active"


@pytest.mark.parametrize(
    ("model", "status"),
    [
        (ModelInfo("m"), "active"),
        (ModelInfo("m", legacy=True), "legacy"),
        (ModelInfo("m", deprecated=date(2026, 5, 1)), "legacy"),
        (ModelInfo("m", deprecated=date(2026, 5, 2)), "active"),
        (ModelInfo("m", retires=date(2026, 5, 1)), "retired"),
        (ModelInfo("m", retires=date(2026, 5, 2)), "active"),
        (ModelInfo("m", retires=date(2026, 5, 2), legacy=True), "legacy"),
    ],
    ids=[
        "new",
        "old",
        "on its way out",
        "not yet",
        "on its last day",
        "before it",
        "old and before it",
    ],
)
def test_a_model_has_a_place_in_its_life(model: ModelInfo, status: str) -> None:
    assert model.status(date(2026, 5, 1)) == status


def test_a_model_of_which_only_the_id_is_known_says_so() -> None:
    assert ModelInfo("m").title == "m"
    assert ModelInfo("m").created == 0
    assert ModelInfo("m", released=date(1970, 1, 2)).created == 86_400


def test_the_system_may_speak_among_the_turns_of_newer_models_only() -> None:
    flagged = {model.id for model in shipped_models() if model.system_messages}
    newer = {m.id for m in shipped_models() if "-5" in m.id and "-4-" not in m.id}
    assert flagged == {*newer, "claude-opus-4-8"}


@pytest.mark.parametrize(
    ("source", "mistakes"),
    [
        ("[[models]", ["table: is not TOML: Expected ']]'"]),
        ("[model]", ["table: model: there is no such part"]),
        ("models = 5", ["table: models: wants [[models]]"]),
        ("aliases = 5", ["table: aliases: wants [aliases]"]),
        ("[aliases]\na = 5", ["table: alias 'a': wants the id of a model"]),
        ("factors = 5", ["table: factors: wants [factors]"]),
        ("factors = { mood = { bad = 2 } }", ["table: factors: mood: there is no such factor"]),
        ("factors = { service_tier = 2 }", ["table: factors: service_tier: wants a table"]),
        (
            "factors = { inference_geo = { us = '1' } }",
            ["table: factors: inference_geo: wants a table"],
        ),
        ("models = [5]", ["table: models[0]: has no id"]),
        ("[[models]]\nid = ''", ["table: models[0]: has no id"]),
        ("[[models]]\nid = 'm'\n[[models]]\nid = 'm'", ["table: m: is there twice"]),
        (
            "[[models]]\nid = 'm'\nvision = 1\nmax_tokens = 0\nthinking = 'hard'\nsize = 1",
            [
                "table: m: vision: wants true or false, not 1",
                "table: m: max_tokens: wants a number of tokens, not 0",
                "table: m: thinking: wants one of none, manual, adaptive, always, not 'hard'",
                "table: m: size: there is no such field",
            ],
        ),
        (
            "[[models]]\nid = 'm'\nefforts = ['hard']\nno_thinking = 'off'",
            [
                "table: m: efforts: wants a list of low, medium, high, xhigh, max, not ['hard']",
                "table: m: no_thinking: wants one of disabled, between_tools, not 'off'",
            ],
        ),
        (
            "[[models]]\nid = 'm'\nname = 1\nreleased = 2026-01-01T00:00:00Z",
            ["table: m: name: wants a text", "table: m: released: wants a day such as 2026-09-28"],
        ),
    ],
)
def test_every_mistake_in_a_table_is_told_with_its_place(source: str, mistakes: list[str]) -> None:
    with pytest.raises(SettingsError) as failure:
        parse(source)
    assert len(failure.value.mistakes) == len(mistakes)
    for told, expected in zip(failure.value.mistakes, mistakes, strict=True):
        assert told.startswith(expected)
