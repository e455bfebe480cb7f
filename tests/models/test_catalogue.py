"""From the name that a client asked for to a model and its backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence

import pytest

from claude_gateway import Event, ModelInfo, ModelRequest, NotFound, Ping, PluginError
from claude_gateway.backends import Backend
from claude_gateway.models.catalogue import Catalogue


class Fake:
    """Lists models, and serves others when asked."""

    def __init__(self, models: Sequence[str], serves: Collection[str] = ()) -> None:
        self.models = [ModelInfo(id_) for id_ in models]
        self.also = serves
        self.asked: list[str] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()

    def serves(self, model_id: str) -> bool:
        self.asked.append(model_id)
        return model_id in self.also


def catalogue(default: str = "", /, **fakes: Fake) -> Catalogue:
    aliases = {"short": "long-1", "brief": "long-1", "gone": "nowhere"}
    return Catalogue([Backend.of(n, fake) for n, fake in fakes.items()], aliases, default)


def found(catalogue: Catalogue, asked: str | None) -> tuple[str, str, str | None]:
    resolved = catalogue.resolve(asked)
    return resolved.model.id, resolved.backend.name, resolved.remapped_from


def test_a_listed_model_is_its_backends() -> None:
    both = catalogue(a=Fake(["long-1", "long-2"]), b=Fake(["other"]))
    assert found(both, "long-2") == ("long-2", "a", None)
    assert found(both, "other") == ("other", "b", None)
    assert [model.id for model in both.models] == ["long-1", "long-2", "other"]


def test_another_name_is_understood_and_reported() -> None:
    one = catalogue(a=Fake(["long-1"]))
    assert found(one, "short") == ("long-1", "a", "short")
    assert one.aliases_of("long-1") == ["brief", "short"]
    assert one.aliases_of("long-2") == []


def test_a_model_of_an_aliass_name_is_itself() -> None:
    assert found(catalogue(a=Fake(["short", "long-1"])), "short") == ("short", "a", None)


def test_an_alias_of_what_nobody_serves_is_no_name() -> None:
    with pytest.raises(NotFound):
        catalogue(a=Fake(["long-1"])).resolve("gone")


@pytest.mark.parametrize(
    ("default", "served"), [("", "long-1"), ("b-1", "b-1"), ("short", "long-1")]
)
@pytest.mark.parametrize("asked", [None, ""])
def test_without_a_name_the_default_is_served(default: str, served: str, asked: str | None) -> None:
    assert found(catalogue(default, a=Fake(["long-1", "b-1"])), asked)[0] == served


def test_an_unlisted_model_is_its_who_claims_it_first() -> None:
    fakes = [Fake([]), Fake([], ["new"]), Fake([], ["new"])]
    several = catalogue(**dict(zip(("a", "b", "c"), fakes, strict=True)))
    assert found(several, "new") == ("new", "b", None)
    assert several.resolve("new") is several.resolve("new")
    assert [fake.asked for fake in fakes] == [["new"], ["new"], []]


def test_t21_an_unlisted_model_passes_with_what_its_backend_knows_of_the_family() -> None:
    fake = Fake([], ["claude-opus-9"])
    fake.models = [ModelInfo("claude-opus-8", max_tokens=5, sampling=False)]
    model = catalogue(a=fake).resolve("claude-opus-9").model
    assert model == ModelInfo("claude-opus-9", max_tokens=5, sampling=False)


@pytest.mark.parametrize("asked", ["llama", "LONG-1", "long-1 ", None])
def test_an_unknown_model_is_not_found_and_the_field_is_named(asked: str | None) -> None:
    with pytest.raises(NotFound, match="GET /v1/models") as caught:
        catalogue("missing", a=Fake(["long-1"])).resolve(asked)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_long_name_is_not_repeated_in_full() -> None:
    with pytest.raises(NotFound) as caught:
        catalogue().resolve("x" * 10_000)
    assert len(caught.value.message) < 300


def test_without_backends_there_is_nothing() -> None:
    assert catalogue().models == []
    with pytest.raises(NotFound):
        catalogue().resolve(None)


def test_a_model_of_two_backends_stops_the_start_and_names_both() -> None:
    with pytest.raises(PluginError, match="backends a and b both serve the model m;"):
        catalogue(a=Fake(["m"]), b=Fake(["n", "m"]))
