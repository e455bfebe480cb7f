"""How much a caller may use, without a clock that anybody waits for."""

from __future__ import annotations

import pytest

from claude_gateway.access.limiter import Admission, LocalLimiter
from claude_gateway.types.principals import UNLIMITED, Limits, Principal


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def caller(limits: Limits = UNLIMITED, *, id_: str = "u", key: str | None = "k") -> Principal:
    return Principal(id_, "somebody", limits=limits, key_id=key)


def passed(admission: Admission) -> Admission:
    assert admission.refusal is None, admission.refusal
    return admission


def code(admission: Admission) -> str:
    assert admission.refusal is not None
    assert admission.permit is None
    return admission.refusal.code


async def test_a_key_may_send_so_many_requests_a_minute_and_is_told_when_to_come_back() -> None:
    limiter, who = LocalLimiter(clock=(clock := Clock())), caller(Limits(rpm=3))
    for left in (2, 1, 0):
        standing = passed(await limiter.admit(who))
        assert standing.requests is not None
        assert (standing.requests.limit, standing.requests.remaining) == (3, left)
    refused = await limiter.admit(who)
    assert code(refused) == "rate_limit_exceeded"
    assert refused.refusal is not None
    clock.now += refused.refusal.retry_after or 0
    passed(await limiter.admit(who))


async def test_a_refused_request_is_not_counted() -> None:
    limiter, who = LocalLimiter(clock=(clock := Clock())), caller(Limits(rpm=1))
    passed(await limiter.admit(who))
    for _ in range(5):
        clock.now += 10
        code(await limiter.admit(who))
    clock.now += 12
    passed(await limiter.admit(who))


async def test_tokens_count_as_they_were_guessed_and_then_as_they_were_used() -> None:
    limiter, who = LocalLimiter(clock=Clock()), caller(Limits(tpm=100))
    first = passed(await limiter.admit(who, 60))
    assert code(await limiter.admit(who, 60)) == "rate_limit_exceeded"
    assert first.permit is not None
    first.permit.over(30)
    second = passed(await limiter.admit(who, 60))
    assert second.tokens is not None
    assert second.tokens.remaining == 10
    assert second.permit is not None
    second.permit.over(200)
    assert code(await limiter.admit(who, 1)) == "rate_limit_exceeded"


async def test_a_turn_larger_than_the_limit_may_have_the_minute_for_itself() -> None:
    limiter, who = LocalLimiter(clock=Clock()), caller(Limits(tpm=100))
    passed(await limiter.admit(who, 1_000_000))
    assert code(await limiter.admit(who, 1)) == "rate_limit_exceeded"


async def test_so_many_turns_at_a_time_and_another_when_one_is_over() -> None:
    limiter, who = LocalLimiter(clock=Clock()), caller(Limits(max_concurrent=2))
    first = passed(await limiter.admit(who, 1))
    passed(await limiter.admit(who, 1))
    assert code(await limiter.admit(who, 1)) == "too_many_concurrent"
    passed(await limiter.admit(who))  # what asks for no turn is not meant
    assert first.permit is not None
    first.permit.over(1)
    first.permit.over(1)  # twice is once
    passed(await limiter.admit(who, 1))
    assert code(await limiter.admit(who, 1)) == "too_many_concurrent"


async def test_all_keys_of_a_user_share_what_the_user_may_use() -> None:
    limiter = LocalLimiter(Limits(rpm=2), Clock())
    passed(await limiter.admit(caller(key="a")))
    passed(await limiter.admit(caller(key="b")))
    refused = await limiter.admit(caller(key="c"))
    assert code(refused) == "rate_limit_exceeded"
    passed(await limiter.admit(caller(id_="another", key="d")))


async def test_what_the_user_is_refused_the_key_is_not_charged_for() -> None:
    limiter = LocalLimiter(Limits(max_concurrent=1), Clock())
    busy = passed(await limiter.admit(caller(key="a"), 1))
    narrow = caller(Limits(rpm=1), key="b")
    assert code(await limiter.admit(narrow, 1)) == "too_many_concurrent"
    assert busy.permit is not None
    busy.permit.over(0)
    passed(await limiter.admit(narrow, 1))


@pytest.mark.parametrize(
    ("who", "limiter", "expected"),
    [
        (caller(), LocalLimiter(), False),
        (caller(Limits(rpm=1)), LocalLimiter(), True),
        (caller(), LocalLimiter(Limits(tpm=1)), True),
    ],
)
def test_only_those_who_are_limited_are_asked_about(
    who: Principal, limiter: LocalLimiter, expected: bool
) -> None:
    assert limiter.concerns(who) is expected


def of_user(limits: Limits, key: str = "k") -> Principal:
    return Principal("u", "somebody", key_id=key, user_limits=limits)


async def test_a_users_own_limits_hold_for_all_of_their_keys() -> None:
    limiter = LocalLimiter(clock=Clock())
    assert limiter.concerns(of_user(Limits(rpm=2)))
    passed(await limiter.admit(of_user(Limits(rpm=2), "one")))
    passed(await limiter.admit(of_user(Limits(rpm=2), "two")))
    assert code(await limiter.admit(of_user(Limits(rpm=2), "three"))) == "rate_limit_exceeded"


async def test_a_users_own_limits_stand_in_the_place_of_everybodys_and_the_rest_is_everybodys() -> (
    None
):
    limiter = LocalLimiter(Limits(rpm=1, tpm=100), clock=Clock())
    generous = of_user(Limits(rpm=3))
    standing = [passed(await limiter.admit(generous)) for _ in range(3)][-1]
    assert standing.requests is not None
    assert standing.requests.limit == 3
    assert standing.tokens is not None
    assert standing.tokens.limit == 100
    assert code(await limiter.admit(generous)) == "rate_limit_exceeded"
    passed(await limiter.admit(caller(id_="another")))
    assert code(await limiter.admit(caller(id_="another"))) == "rate_limit_exceeded"
