"""The operator's table goes over the shipped one, and its mistakes are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from claude_gateway import Event, ModelInfo, ModelRequest, Ping, Price, shipped_models
from claude_gateway.backends import Backend
from claude_gateway.errors import SettingsError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.cost import cost_of
from claude_gateway.models.overrides import aliases, check, factors, load
from claude_gateway.models.table import Said, shipped
from claude_gateway.types.usage import Usage

EXAMPLE = Path(__file__).parents[2] / "docs/examples/models.toml"
NAME = "GATEWAY_MODELS_FILE"
TODAY, LATER = date(2026, 12, 2), date(2027, 2, 1)


class Claude:
    models = (*shipped_models(), ModelInfo("parrot", max_tokens=7))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()

    def serves(self, model_id: str) -> bool:
        return model_id.startswith("claude-")


def over(said: Said) -> Catalogue:
    return Catalogue([Backend.of("claude", Claude())], aliases(said), "", said.models)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def mistakes(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as failure:
        load(path, NAME)
    return [mistake.removeprefix(f"{NAME}: {path}: ") for mistake in failure.value.mistakes]


def test_without_a_file_nothing_changes() -> None:
    said = load(Path(), NAME)
    assert aliases(said) == shipped().aliases
    assert over(said).resolve("claude-opus-5").model in shipped_models()


def test_the_example_in_the_documentation_is_right() -> None:
    said = load(EXAMPLE, NAME)
    catalogue = over(said)
    check(said, catalogue, NAME)
    opus = catalogue.resolve("best").model
    assert (opus.id, opus.max_input_tokens, opus.thinking) == ("claude-opus-6", 2_000_000, "always")
    assert opus.price_at(TODAY, 300_000) == Price(4, 20, cache_read=0.2)
    price = opus.price_at(LATER, 300_000)
    assert price is not None
    assert (price.input, price.output, price.cache_read) == (8, 30, 0.4)


def test_a_partial_entry_changes_only_what_it_names() -> None:
    before = over(load(Path(), NAME)).resolve("sonnet").model
    after = over(load(EXAMPLE, NAME)).resolve("sonnet").model
    assert after.description == "What we agreed on"
    assert after.price_at(TODAY) == Price(1.8, 9, cache_read=0.18)
    assert (after.name, after.max_tokens, after.sampling) == (
        before.name,
        before.max_tokens,
        before.sampling,
    )


def test_a_model_of_a_plugin_is_changed_in_the_same_way(file: Path) -> None:
    file.write_text("[[models]]\nid = 'parrot'\nname = 'Polly'")
    parrot = over(load(file, NAME)).resolve("parrot").model
    assert (parrot.title, parrot.max_tokens) == ("Polly", 7)


def test_a_new_model_is_listed_and_relatives_are_still_guessed() -> None:
    catalogue = over(load(EXAMPLE, NAME))
    assert catalogue.models[-1].id == "claude-opus-6"
    assert catalogue.resolve("claude-opus-7").model.thinking == "always"


def test_other_names_are_added_replaced_and_removed() -> None:
    merged = aliases(load(EXAMPLE, NAME))
    assert merged["best"] == "claude-opus-6"
    assert merged["gpt-4o-mini"] == "claude-sonnet-5-5"
    assert "gpt-3.5-turbo" not in merged
    assert merged["gpt-4o"] == shipped().aliases["gpt-4o"]


def test_every_mistake_is_told_with_file_and_entry(file: Path) -> None:
    file.write_text("[[models]]\nid = 'm'\nvision = 'yes'\nsize = 1\n[[models]]\nname = 'x'")
    assert mistakes(file) == [
        "m: vision: wants true or false, not 'yes'",
        "m: size: there is no such field",
        "models[1]: has no id",
    ]


def test_an_alias_cannot_hide_a_model(file: Path) -> None:
    file.write_text("[aliases]\nclaude-opus-5 = 'claude-sonnet-5-5'")
    assert mistakes(file) == ["alias 'claude-opus-5': is a model of that name itself"]


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    assert mistakes(file) == ["cannot be read (No such file or directory)"]
    file.write_bytes(b"\xff")
    assert mistakes(file) == ["is not UTF-8"]


def test_what_no_backend_serves_is_told_at_the_start(file: Path) -> None:
    file.write_text("[[models]]\nid = 'gpt-9'\n[aliases]\nbest = 'gpt-8'\ngone = ''")
    said = load(file, NAME)
    with pytest.raises(SettingsError) as failure:
        check(said, over(said), "here")
    assert failure.value.mistakes == [
        "here: gpt-9: no backend serves 'gpt-9'",
        "here: alias 'best': no backend serves 'gpt-8'",
    ]


def test_factors_are_merged_value_by_value(file: Path) -> None:
    file.write_text("[factors]\nservice_tier = { batch = 0.4, priority = 1.5 }")
    assert factors(load(file, NAME)) == {
        "service_tier": {"batch": 0.4, "priority": 1.5},
        "inference_geo": {"us": 1.1},
    }
    assert factors(load(Path(), NAME)) == shipped().factors


def test_t17_a_call_costs_what_the_operators_factors_make_of_it(file: Path) -> None:
    file.write_text("[factors]\nservice_tier = { batch = 0.25 }")
    model = over(load(Path(), NAME)).resolve("sonnet").model
    used = Usage(input_tokens=10**6, service_tier="batch", inference_geo="us")
    ours, shipped_ = (
        cost_of(model, used, TODAY, factors(load(path, NAME))).dollars for path in (file, Path())
    )
    assert (ours, shipped_) == (Decimal("0.55"), Decimal("1.1"))
