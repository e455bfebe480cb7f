from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TypeAlias

import pytest
from claude_gateway_anthropic.byok import MOST_CHECKS_AT_ONCE, BringYourOwn, open_byok
from claude_gateway_anthropic.remembered import Remembered
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import open_transport

from claude_gateway import (
    Credential,
    GatewayError,
    Overloaded,
    Principal,
    RateLimited,
    Secret,
    Unauthorized,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.testing import FakeAnthropic, Hang, Reply
from claude_gateway.testing.wire import error

MODELS = "/v1/models"
GOOD, BAD = "sk-ant-good", "sk-ant-bad"
OURS, OURS_TOO, OUR_TOKEN = "sk-ant-ours", "sk-ant-ours-too", "sk-ant-token"
MakeAccount: TypeAlias = Callable[..., Account]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic(keys={GOOD, OURS}) as upstream:
        yield upstream


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def byok(
    upstream: FakeAnthropic, account: MakeAccount, clock: Clock
) -> AsyncGenerator[BringYourOwn]:
    ours = account(
        upstream.url,
        api_key=Secret(OURS),
        more_keys=(Secret(OURS_TOO),),
        auth_token=Secret(OUR_TOKEN),
    )
    async with open_transport(ours) as transport:
        byok = BringYourOwn(transport, ours, clock)
        yield byok
        await byok.close()


async def who(byok: BringYourOwn, key: str) -> Principal | None:
    return await byok.authenticate(Credential(Secret(key)))


async def refusal(byok: BringYourOwn, key: str) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await who(byok, key)
    return caught.value


# --- over every transport


async def test_a_key_that_anthropic_accepts_is_a_user_who_pays_with_it(
    byok: BringYourOwn, upstream: FakeAnthropic
) -> None:
    principal = await who(byok, GOOD)
    assert principal is not None
    assert re.fullmatch("byok_[0-9a-f]{12}", principal.id)
    assert principal.name == "bring-your-own key"
    assert principal.upstream_key == Secret(GOOD)
    (request,) = upstream.requests
    assert (request.method, request.path, request.query) == ("GET", MODELS, "limit=1")
    assert request.headers["x-api-key"] == GOOD
    assert "authorization" not in request.headers


async def test_a_key_that_anthropic_refuses_is_unauthorized(
    byok: BringYourOwn,
) -> None:
    exc = await refusal(byok, BAD)
    assert type(exc) is Unauthorized
    assert exc.code == "invalid_api_key"
    assert "sk-ant" not in exc.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [(429, RateLimited), (529, Overloaded), (500, UpstreamError), (404, UpstreamError)],
)
async def test_an_upstream_that_cannot_tell_is_no_refusal(
    byok: BringYourOwn, upstream: FakeAnthropic, status: int, expected: type[GatewayError]
) -> None:
    upstream.script(Reply(status, error("api_error", "Not now")), path=MODELS)
    assert type(await refusal(byok, GOOD)) is expected
    assert await who(byok, GOOD) is not None  # it was not held against the key


async def test_an_upstream_that_is_not_there_is_no_refusal(account: MakeAccount) -> None:
    async with open_byok(account("http://127.0.0.1:1")) as byok:
        with pytest.raises(UpstreamError):
            await byok.authenticate(Credential(Secret(GOOD)))


async def test_an_upstream_that_hangs_is_no_refusal(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    upstream.script(Hang(), path=MODELS)
    async with open_byok(account(upstream.url, timeout=0.1)) as byok:
        with pytest.raises(UpstreamTimeout):
            await byok.authenticate(Credential(Secret(GOOD)))


# --- the same for all of them

lean_only = pytest.mark.parametrize("kind", ["lean"])


@lean_only
@pytest.mark.parametrize("key", ["", "gw-key", "SK-ANT-good", "sk-an", OURS, OURS_TOO, OUR_TOKEN])
async def test_other_keys_and_our_own_are_for_others_to_recognise(
    byok: BringYourOwn, upstream: FakeAnthropic, key: str
) -> None:
    assert await who(byok, key) is None
    assert upstream.requests == []


@lean_only
async def test_one_key_is_one_user_and_two_are_two(
    byok: BringYourOwn, account: MakeAccount
) -> None:
    async with FakeAnthropic() as anything, open_byok(account(anything.url)) as other:
        first = await other.authenticate(Credential(Secret(GOOD)))
        second = await other.authenticate(Credential(Secret(BAD)))
    assert first is not None
    assert second is not None
    assert first == await who(byok, GOOD)  # also after a restart
    assert first.id != second.id


@lean_only
async def test_a_good_key_is_asked_about_every_ten_minutes(
    byok: BringYourOwn, upstream: FakeAnthropic, clock: Clock
) -> None:
    for passed, asked in ((0, 1), (599, 1), (2, 2), (599, 2)):
        clock.now += passed
        assert await who(byok, GOOD) is not None
        assert len(upstream.requests) == asked


@lean_only
async def test_a_bad_key_is_asked_about_every_minute(
    byok: BringYourOwn, upstream: FakeAnthropic, clock: Clock
) -> None:
    for passed, asked in ((0, 1), (59, 1), (2, 2), (59, 2)):
        clock.now += passed
        assert isinstance(await refusal(byok, BAD), Unauthorized)
        assert len(upstream.requests) == asked


@lean_only
@pytest.mark.parametrize("key", [GOOD, BAD])
async def test_callers_who_come_together_share_one_question(
    byok: BringYourOwn, upstream: FakeAnthropic, key: str
) -> None:
    answers = await asyncio.gather(*(who(byok, key) for _ in range(50)), return_exceptions=True)
    assert len(upstream.requests) == 1
    assert all(isinstance(a, Principal if key == GOOD else Unauthorized) for a in answers)


@lean_only
async def test_a_failed_question_fails_all_who_share_it(
    byok: BringYourOwn, upstream: FakeAnthropic
) -> None:
    upstream.script(Reply(500), path=MODELS)
    answers = await asyncio.gather(*(who(byok, GOOD) for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [UpstreamError] * 5
    assert len(upstream.requests) == 1


@lean_only
async def test_a_caller_who_leaves_does_not_end_the_question_for_others(
    byok: BringYourOwn, upstream: FakeAnthropic
) -> None:
    answer = asyncio.Event()
    upstream.script(Reply(200, {"data": []}, after=answer), path=MODELS)
    leaves, stays = (asyncio.create_task(who(byok, GOOD)) for _ in range(2))
    while not upstream.requests:
        await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.wait([leaves])
    answer.set()
    assert await stays is not None
    assert len(upstream.requests) == 1


@lean_only
async def test_invented_keys_are_asked_about_a_few_at_a_time(
    byok: BringYourOwn, upstream: FakeAnthropic
) -> None:
    answer = asyncio.Event()
    refused = Reply(401, error("authentication_error", "invalid x-api-key"), after=answer)
    upstream.always(refused, path=MODELS)
    callers = [asyncio.create_task(refusal(byok, f"sk-ant-{n}")) for n in range(50)]
    while upstream.open_streams < MOST_CHECKS_AT_ONCE:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert upstream.open_streams == MOST_CHECKS_AT_ONCE
    answer.set()
    assert {type(exc) for exc in await asyncio.gather(*callers)} == {Unauthorized}


@lean_only
async def test_closing_gives_up_what_is_under_way(
    upstream: FakeAnthropic, account: MakeAccount
) -> None:
    upstream.script(Hang(), path=MODELS)
    async with open_byok(account(upstream.url)) as byok:
        caller = asyncio.create_task(byok.authenticate(Credential(Secret(GOOD))))
        while not upstream.requests:
            await asyncio.sleep(0)
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert await upstream.wait_closed() < 1


@lean_only
def test_an_account_does_not_show_its_keys(account: MakeAccount) -> None:
    mine = replace(account("http://localhost"), api_key=Secret(GOOD), auth_token=Secret(BAD))
    assert "sk-ant" not in repr(mine)


# --- the memory


def test_the_memory_is_bounded_and_forgets_what_was_used_least() -> None:
    memory = Remembered(60, 3, Clock())
    for digest in (b"a", b"b", b"c"):
        memory.add(digest)
    assert b"a" in memory
    memory.add(b"d")
    assert [digest in memory for digest in (b"a", b"b", b"c", b"d")] == [True, False, True, True]
    assert len(memory) == 3


def test_the_memory_forgets_in_time_and_can_be_refreshed() -> None:
    clock = Clock()
    memory = Remembered(60, 3, clock)
    memory.add(b"a")
    clock.now += 59
    memory.add(b"a")
    clock.now += 59
    assert b"a" in memory
    clock.now += 1
    assert b"a" not in memory
    assert len(memory) == 0


async def test_a_key_that_is_doubted_is_not_asked_about_but_one_that_was_good_still_is(
    byok: BringYourOwn, upstream: FakeAnthropic
) -> None:
    assert await who(byok, GOOD) is not None
    asked = len(upstream.requests)
    with pytest.raises(Unauthorized):
        await byok.authenticate(Credential(Secret(GOOD + "x"), doubted=True))
    assert await byok.authenticate(Credential(Secret(GOOD), doubted=True)) is not None
    assert len(upstream.requests) == asked
