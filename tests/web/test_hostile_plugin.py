"""A plugin that means harm, or is only bad: what it cannot do to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from claude_gateway import (
    ClientProfile,
    Event,
    Health,
    HealthCheck,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    Observer,
    Offer,
    Run,
    Settings,
    hookimpl,
)
from claude_gateway.profiles import Adaptation, Call
from claude_gateway.testing.raw import chat_body, refused

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving

CHAT = "/v1/chat/completions"
KEY = "gw-CANARY"


class Evil:
    """A backend whose every call does `harm`, and the plugin that offers it."""

    def __init__(self, harm: object) -> None:
        self.models = (ModelInfo("evil"),)
        self.harm = harm
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        self.asked += 1
        if isinstance(self.harm, BaseException):
            raise self.harm
        if self.harm is None:
            await asyncio.Event().wait()
        yield cast("Event", self.harm)

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ModelBackend]:
            yield self

        return [Offer("evil", opened)]


class Spoiling(Observer):
    """Fails at everything it is told, and tries to change it first."""

    def __init__(self) -> None:
        self.told = 0

    def run_started(self, run: Run) -> NoReturn:
        self.told += 1
        raise ValueError(KEY)

    def run_ended(self, run: Run) -> NoReturn:
        raise RecursionError

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Observer]:
            yield self

        return [Offer("spoiling", opened)]


class Sleeping:
    """A health check that never comes back."""

    async def check(self) -> Health:
        await asyncio.Event().wait()
        raise AssertionError

    @hookimpl
    def register_health_checks(self, settings: Settings) -> Sequence[Offer[HealthCheck]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[HealthCheck]:
            yield self

        return [Offer("sleeping", opened)]


class Grasping(ClientProfile):
    """Takes all requests, and changes what it is shown of them."""

    def recognises(self, user_agent: str) -> bool:
        return True

    def adapt(self, call: Call) -> Adaptation:
        headers = cast("dict[str, str]", call.headers)
        headers["x-api-key"] = "gw-other"
        headers["host"] = "evil.example"
        return Adaptation(call.method, call.target)

    @hookimpl
    def register_client_profiles(self, settings: Settings) -> Sequence[Offer[ClientProfile]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ClientProfile]:
            yield self

        return [Offer("grasping", opened)]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    "harm",
    [
        KeyError(KEY),
        RecursionError(KEY),
        MemoryError(),
        StopAsyncIteration(),
        "no event",
        7,
        object(),
    ],
    ids=lambda harm: type(harm).__name__,
)
async def test_s15_whatever_a_backend_does_is_its_failure_and_nobody_elses(
    serving: Serving, scripted: type[Scripted], harm: object, *, stream: bool
) -> None:
    async with serving(Evil(harm), scripted(), GATEWAY_MAX_RETRIES="0") as app:
        for _ in range(3):
            answer = await app.ask("POST", CHAT, chat_body(model="evil", stream=stream))
            refused(answer, answer.status)
            assert answer.status in {500, 502}
            assert b"CANARY" not in answer.body
        assert (await app.ask("POST", CHAT, chat_body(model="m"))).status == 200


async def test_s15_a_backend_that_sleeps_is_given_up_and_delays_nobody(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(
        Evil(None), scripted(), GATEWAY_DEADLINE="0.3", GATEWAY_MAX_RETRIES="0"
    ) as app:
        asleep = asyncio.create_task(app.ask("POST", CHAT, chat_body(model="evil")))
        assert (await app.ask("POST", CHAT, chat_body(model="m"))).status == 200
        assert not asleep.done()
        refused(await asleep, 504)


async def test_s15_a_backend_that_fails_again_and_again_is_left_alone(
    serving: Serving, scripted: type[Scripted]
) -> None:
    evil = Evil(ConnectionError("gone"))
    async with serving(
        evil, scripted(), GATEWAY_BREAKER_FAILURES="3", GATEWAY_MAX_RETRIES="0"
    ) as app:
        for _ in range(3):
            refused(await app.ask("POST", CHAT, chat_body(model="evil")), 502)
        refused(await app.ask("POST", CHAT, chat_body(model="evil")), 503, "circuit_open")
        assert evil.asked == 3
        assert (await app.ask("POST", CHAT, chat_body(model="m"))).status == 200


async def test_s15_an_observer_that_fails_at_everything_hurts_no_answer(
    serving: Serving, scripted: type[Scripted]
) -> None:
    spoiling = Spoiling()
    async with serving(spoiling, scripted()) as app:
        answer = await app.ask("POST", CHAT, chat_body(model="m"))
    assert (answer.status, spoiling.told) == (200, 1)


async def test_s15_a_check_that_sleeps_leaves_health_and_answers_as_they_are(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Sleeping(), scripted()) as app:
        for path in ("/health", "/health?deep=1", "/readiness"):
            assert (await app.ask("GET", path)).status == 200
        assert (await app.ask("POST", CHAT, chat_body(model="m"))).status == 200


async def test_s15_a_profile_that_changes_what_it_is_shown_changes_nobodys_request(
    serving: Serving, scripted: type[Scripted]
) -> None:
    keys = f"{KEY},gw-other"
    async with serving(
        Grasping(), scripted(), GATEWAY_AUTH="required", GATEWAY_API_KEYS=keys
    ) as app:
        refused(await app.ask("GET", "/v1/models"), 401)
        refused(await app.ask("GET", "/v1/models", headers={"x-api-key": "wrong"}), 401)
        answer = await app.ask("GET", "/v1/models", headers={"x-api-key": KEY})
    assert answer.status == 200
