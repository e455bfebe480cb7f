"""Wrong keys: how many, of whom, and what becomes of one too many."""

from __future__ import annotations

import logging

import pytest

from claude_gateway import Credential, Principal
from claude_gateway.access.door import Arrival, Door, Rules
from claude_gateway.access.throttle import MOST_ADDRESSES, MOST_KEYS, Throttle
from claude_gateway.errors import RateLimited, Unauthorized

ADA = Principal("ada", "Ada")
RIGHT = "gw-ada"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Book:
    """Knows one key, and writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    async def authenticate(self, credential: Credential) -> Principal | None:
        self.asked.append((credential.secret.reveal(), credential.doubted))
        return ADA if credential.secret.matches(RIGHT) else None


class Tried:
    """A door for three wrong keys a minute, and somebody who tries."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.book = Book()
        self.throttle = Throttle(3, 60, self.clock)
        self.door = Door(Rules("required"), [self.book], self.throttle)

    async def with_(self, *keys: str, peer: str | None = "203.0.113.7") -> str | float:
        """Who comes in, the code of the refusal, or how long to wait."""
        try:
            return (await self.door.admit(keys, lambda: Arrival(peer, "box"))).id
        except RateLimited as exc:
            return exc.retry_after or exc.code
        except Unauthorized as exc:
            return exc.code


@pytest.fixture
def tried() -> Tried:
    return Tried()


async def test_s10_more_wrong_keys_than_allowed_are_told_when_to_come_back(tried: Tried) -> None:
    assert [await tried.with_(f"wrong-{i}") for i in range(3)] == ["invalid_api_key"] * 3
    tried.clock.now = 10.5
    assert [await tried.with_(f"more-{i}") for i in range(2)] == [49.5, 49.5]
    tried.clock.now = 59.9
    assert await tried.with_("late") == 1.0
    tried.clock.now = 60.0
    assert await tried.with_("anew") == "invalid_api_key"


async def test_s10_a_right_key_is_let_in_from_an_address_with_many_wrong_ones(tried: Tried) -> None:
    for i in range(10):
        await tried.with_(f"wrong-{i}")
    assert await tried.with_(RIGHT) == "ada"
    assert await tried.with_("wrong") == 60.0
    assert await tried.with_(RIGHT) == "ada"


async def test_s10_a_wrong_key_beside_a_right_one_is_wrong(tried: Tried) -> None:
    for _ in range(3):
        await tried.with_(RIGHT, "wrong")
    assert await tried.with_(RIGHT, "wrong") == 60.0
    assert await tried.with_(RIGHT) == "ada"


async def test_s1_one_that_was_wrong_is_not_looked_up_again_after_too_many(tried: Tried) -> None:
    for _ in range(3):
        await tried.with_("wrong")
    asked = len(tried.book.asked)
    assert [await tried.with_("wrong") for _ in range(5)] == [60.0] * 5
    assert len(tried.book.asked) == asked


async def test_authenticators_are_told_that_a_key_is_doubted(tried: Tried) -> None:
    for i in range(4):
        await tried.with_(f"wrong-{i}")
    await tried.with_(RIGHT)
    assert [doubted for _, doubted in tried.book.asked] == [False, False, False, True, True]


async def test_others_are_not_made_to_wait(tried: Tried) -> None:
    for i in range(5):
        await tried.with_(f"wrong-{i}")
    assert await tried.with_("wrong", peer="203.0.113.8") == "invalid_api_key"


async def test_of_ipv6_a_whole_network_waits(tried: Tried) -> None:
    for i in range(4):
        await tried.with_("wrong", peer=f"2001:db8::{i}")
    assert await tried.with_("wrong", peer="2001:db8::ffff:1") == 60.0
    assert await tried.with_("wrong", peer="2001:db8:0:1::1") == "invalid_api_key"


async def test_who_has_no_address_is_counted_as_well(tried: Tried) -> None:
    for _ in range(3):
        await tried.with_("wrong", peer=None)
    assert await tried.with_("wrong", peer=None) == 60.0


async def test_no_key_at_all_is_not_counted(tried: Tried) -> None:
    assert [await tried.with_() for _ in range(10)] == ["missing_api_key"] * 10
    assert tried.throttle.idle


async def test_zero_lets_everybody_try_for_ever() -> None:
    throttle = Throttle(0, 60)
    assert throttle.wrong("203.0.113.7", ["wrong"]) is None
    assert throttle.idle


async def test_there_is_one_line_in_the_log_for_an_address_and_a_window(
    tried: Tried, caplog: pytest.LogCaptureFixture
) -> None:
    for now in (0.0, 60.0):
        tried.clock.now = now
        for i in range(10):
            await tried.with_(f"CANARY-{i}")
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [vars(line)["peer"] for line in lines] == ["203.0.113.7"] * 2
    assert "CANARY" not in str([vars(line) for line in lines])


def test_s18_memory_is_bounded_by_addresses_and_by_keys() -> None:
    throttle = Throttle(100_000, 60)
    for i in range(MOST_ADDRESSES + 500):
        throttle.wrong(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", ["wrong"])
    for i in range(100):
        throttle.wrong("203.0.113.7", [f"wrong-{i}"])
    assert len(throttle._tallies) == MOST_ADDRESSES
    assert "10.0.0.1" not in throttle._tallies
    assert len(throttle._tallies["203.0.113.7"].seen) == MOST_KEYS


def test_a_key_itself_is_not_remembered() -> None:
    throttle = Throttle(3, 60)
    throttle.wrong("203.0.113.7", ["CANARY\ud800"])
    assert "CANARY" not in str(throttle._tallies)
