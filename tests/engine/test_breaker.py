"""A backend that keeps failing is left alone, tried once, and let back in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from claude_gateway import (
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.engine.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, Breakers

THEIRS = Overloaded("Busy.")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def breaker(clock: Clock, told: list[str]) -> Breaker:
    return Breaker("up", 3, 10.0, lambda backend, state: told.append(f"{backend} {state}"), clock)


def fail(breaker: Breaker, times: int = 1, exc: BaseException = THEIRS) -> None:
    for _ in range(times):
        breaker.call().end(exc)


@pytest.mark.parametrize(
    "failure",
    [
        Overloaded("529"),
        UpstreamError("500"),
        UpstreamError("cut off", code="upstream_truncated", should_retry=False),
        UpstreamTimeout("504"),
        Unavailable("503"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_failures_of_upstream_in_a_row_open_it(breaker: Breaker, failure: BaseException) -> None:
    fail(breaker, 2, failure)
    assert breaker.state == CLOSED
    fail(breaker, 1, failure)
    assert breaker.state == OPEN
    with pytest.raises(Unavailable) as caught:
        breaker.call()
    assert (caught.value.code, caught.value.retry_after) == ("circuit_open", 10)


@pytest.mark.parametrize(
    "failure",
    [
        InvalidRequest("400"),
        RateLimited("429"),
        UpstreamError("the key", code="upstream_auth_error"),
        UpstreamError("the bill", code="upstream_billing_error"),
        UpstreamError("no key", code="no_upstream_key"),
        UpstreamTimeout("the caller was in a hurry", code="deadline_exceeded"),
        asyncio.CancelledError(),
        GeneratorExit(),
        KeyError("a defect"),
    ],
    ids=repr,
)
def test_what_is_not_upstreams_fault_does_not(breaker: Breaker, failure: BaseException) -> None:
    fail(breaker, 2)
    fail(breaker, 10, failure)
    assert breaker.state == CLOSED
    fail(breaker, 1)
    assert breaker.state == OPEN


def test_a_whole_answer_clears_the_count(breaker: Breaker) -> None:
    fail(breaker, 2)
    with breaker.call():
        pass
    fail(breaker, 2)
    assert breaker.state == CLOSED


def test_t16_answers_that_begin_and_break_off_open_it(breaker: Breaker) -> None:
    for _ in range(3):
        call = breaker.call()
        call.heard()
        call.end(UpstreamError("Cut off."))
    assert breaker.state == OPEN


def test_after_the_cooldown_one_probe_passes_and_its_first_byte_closes_it(
    breaker: Breaker, clock: Clock, told: list[str]
) -> None:
    fail(breaker, 3)
    clock.now += 10
    assert breaker.state == HALF_OPEN
    probe = breaker.call()
    assert breaker.state == HALF_OPEN
    with pytest.raises(Unavailable):
        breaker.call()
    probe.heard()
    assert breaker.state == CLOSED
    probe.end(None)
    fail(breaker, 2)
    assert breaker.state == CLOSED
    assert told == ["up open", "up half-open", "up closed"]


def test_a_probe_that_fails_opens_it_for_another_cooldown(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    fail(breaker)
    assert breaker.state == OPEN
    clock.now += 9.9
    assert breaker.state == OPEN
    clock.now += 0.1
    assert breaker.state == HALF_OPEN


def test_a_probe_that_breaks_off_after_its_first_byte_opens_it_again(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 10
    probe = breaker.call()
    probe.heard()
    probe.end(THEIRS)
    assert breaker.state == OPEN


def test_a_probe_whose_caller_left_makes_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    fail(breaker, 1, asyncio.CancelledError())
    breaker.call().heard()
    assert breaker.state == CLOSED


def test_a_probe_that_is_refused_for_its_own_fault_closes_it(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 10
    fail(breaker, 1, InvalidRequest("Wrong."))
    assert breaker.state == CLOSED


def test_a_probe_that_takes_long_keeps_nobody_out(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    slow = breaker.call()
    clock.now += 10
    breaker.call().end(None)
    slow.end(None)
    assert breaker.state == CLOSED


@pytest.mark.parametrize("ending", [None, THEIRS, asyncio.CancelledError()], ids=repr)
def test_what_began_before_it_opened_says_nothing_new(
    breaker: Breaker, clock: Clock, ending: BaseException | None
) -> None:
    old = breaker.call()
    fail(breaker, 3)
    clock.now += 5
    old.end(ending)
    assert breaker.state == OPEN
    clock.now += 5
    assert breaker.state == HALF_OPEN


def test_a_late_verdict_of_a_probe_changes_nothing_once_it_is_closed(
    breaker: Breaker, clock: Clock, told: list[str]
) -> None:
    fail(breaker, 3)
    clock.now += 10
    slow = breaker.call()
    clock.now += 10
    breaker.call().end(None)
    slow.end(asyncio.CancelledError())
    assert breaker.state == CLOSED
    assert told[-1] == "up closed"


def test_without_a_limit_it_never_opens() -> None:
    breaker = Breaker("up")
    fail(breaker, 100)
    assert breaker.state == CLOSED


def test_its_health_says_why(breaker: Breaker) -> None:
    assert (breaker.health().ok, breaker.health().detail) == (True, "closed")
    fail(breaker, 3)
    assert not breaker.health().ok
    assert breaker.health().detail == "open after 3 failures of upstream in a row"


def test_each_backend_has_its_own_and_all_changes_are_told(clock: Clock) -> None:
    told: list[tuple[str, str]] = []
    breakers = Breakers(1, 10, clock)
    fail(breakers.of("early"))
    tell: Callable[[str, str], None] = lambda backend, state: told.append((backend, state))  # noqa: E731
    breakers.listen(tell)
    fail(breakers.of("a"))
    assert (breakers.of("a").state, breakers.of("b").state) == (OPEN, CLOSED)
    assert breakers.of("a") is breakers.of("a")
    assert told == [("a", OPEN)]


def test_an_open_circuit_is_a_gateway_error_that_may_be_tried_again(breaker: Breaker) -> None:
    fail(breaker, 3)
    with pytest.raises(GatewayError) as caught:
        breaker.call()
    assert caught.value.should_retry
