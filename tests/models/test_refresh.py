"""Upstream's own list is looked at in the background, and what it says is taken over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import date

import pytest

from claude_gateway import Event, ModelInfo, ModelRequest, Ping, Price, UpstreamError
from claude_gateway.backends import Backend
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.models.entries import Fields
from claude_gateway.models.refresh import refreshing

OLD = ModelInfo("claude-opus-5", "Opus", "Good", released=date(2026, 7, 24), prices=(Price(5, 25),))
LIVE = ModelInfo("claude-opus-5", "Opus Five", max_tokens=7, max_input_tokens=9, thinking="always")


class Listing:
    """Lists what it is told to list, and counts how often it was asked."""

    models = (OLD,)

    def __init__(self, *answers: Sequence[ModelInfo] | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.changed = asyncio.Condition()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()

    def serves(self, model_id: str) -> bool:
        return model_id.startswith("claude-")

    async def list_models(self) -> Sequence[ModelInfo]:
        async with self.changed:
            self.asked += 1
            self.changed.notify_all()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self, times: int) -> None:
        """Wait until it was asked so often; what came before the last time is taken over."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.asked >= times)


class Silent(Listing):
    async def list_models(self) -> Sequence[ModelInfo]:
        await super().list_models()
        await asyncio.Event().wait()
        return ()


def of(backend: Listing, changes: dict[str, Fields] | None = None) -> Catalogue:
    aliases = {"opus": "claude-opus-5", "claude-opus-5-20260724": "claude-opus-5"}
    return Catalogue([Backend.of("claude", backend)], aliases, "", changes or {})


def test_limits_are_upstreams_and_what_upstream_does_not_say_stays() -> None:
    catalogue = of(Listing([]))
    catalogue.refresh("claude", [LIVE])
    assert catalogue.resolve("opus").model == replace(
        LIVE, description="Good", released=date(2026, 7, 24), prices=(Price(5, 25),)
    )


def test_a_new_model_appears_and_relatives_are_guessed_from_it() -> None:
    catalogue = of(Listing([]))
    assert catalogue.resolve("claude-opus-7").model.max_tokens == 64_000
    catalogue.refresh("claude", [ModelInfo("claude-opus-6", max_tokens=11)])
    assert [model.id for model in catalogue.models] == ["claude-opus-5", "claude-opus-6"]
    assert catalogue.resolve("claude-opus-7").model.max_tokens == 11


def test_a_model_that_is_not_listed_any_more_stays() -> None:
    catalogue = of(Listing([]))
    catalogue.refresh("claude", [])
    assert catalogue.resolve("claude-opus-5").model == OLD


def test_what_is_another_name_stays_one() -> None:
    catalogue = of(Listing([]))
    catalogue.refresh("claude", [ModelInfo("claude-opus-5-20260724")])
    assert catalogue.resolve("claude-opus-5-20260724").model == OLD


def test_the_operator_knows_better_than_upstream() -> None:
    catalogue = of(Listing([]), {"claude-opus-5": {"max_tokens": 3}})
    catalogue.refresh("claude", [LIVE])
    model = catalogue.resolve("opus").model
    assert (model.max_tokens, model.max_input_tokens) == (3, 9)


def test_a_list_that_is_none_changes_nothing() -> None:
    catalogue = of(Listing([]))
    before = catalogue.resolve("opus").model
    with pytest.raises(AttributeError):
        catalogue.refresh("claude", [5])  # type: ignore[list-item]  # what a stranger may do
    catalogue.refresh("claude", [])
    assert catalogue.resolve("opus").model == before


async def test_the_first_look_is_at_once_and_more_follow() -> None:
    backend = Listing([LIVE], [LIVE, ModelInfo("claude-next")])
    catalogue = of(backend)
    async with refreshing(catalogue, 0.001):
        await backend.wait(3)
    assert [model.id for model in catalogue.models] == ["claude-opus-5", "claude-next"]
    assert catalogue.resolve("opus").model.max_tokens == 7


async def test_zero_never_looks() -> None:
    backend = Listing([LIVE])
    async with refreshing(of(backend), 0):
        await asyncio.sleep(0)
    assert backend.asked == 0


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (UpstreamError("Upstream is gone."), "Upstream is gone."),
        (TimeoutError(), "no answer within 60 s"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
async def test_a_failure_keeps_the_list_and_is_told_once(
    caplog: pytest.LogCaptureFixture, failure: Exception, why: str
) -> None:
    backend = Listing([LIVE], failure)
    catalogue = of(backend)
    with caplog.at_level(logging.WARNING):
        async with refreshing(catalogue, 0.001):
            await backend.wait(5)
    assert catalogue.resolve("opus").model.max_tokens == 7
    (record,) = caplog.records
    assert (record.levelname, vars(record)["backend"], vars(record)["why"]) == (
        "WARNING",
        "claude",
        why,
    )


async def test_a_silent_upstream_keeps_nobody_waiting() -> None:
    backend = Silent([])
    catalogue = of(backend)
    async with refreshing(catalogue, 1):
        await backend.wait(1)
        assert catalogue.resolve("opus").model == OLD


def test_a_backend_that_cannot_list_is_never_asked() -> None:
    class Plain:
        models = (OLD,)
        stream = Listing.stream

    assert Backend.of("plain", Plain()).list_models is None
