"""The authenticator of issued keys: what it remembers, and how soon it forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from claude_gateway import (
    Credential,
    Forbidden,
    FoundKey,
    KeepsKeys,
    Key,
    Limits,
    Secret,
    Unauthorized,
    Unavailable,
)
from claude_gateway.access import issued
from claude_gateway.access.issued import FRESH, REMEMBERED, IssuedKeys
from claude_gateway.access.issuing import digest_of, new_secret

SECRET = new_secret()
NOW = 1_000_000.0
KEY = Key(
    "key_1",
    "phone",
    "cg-abc",
    NOW,
    user="usr_ada",
    scopes=frozenset({"read"}),
    models=frozenset({"m"}),
    tools=frozenset({"t"}),
    tool_servers=frozenset({"s"}),
    projects=frozenset({"p"}),
    profile="ios",
    on_disconnect="detach",
    limits=Limits(rpm=3),
)


class Store:
    """Has one key, and counts what it is asked."""

    def __init__(self, key: Key = KEY, **found: Any) -> None:
        self.found: FoundKey | None = FoundKey(key, digest_of(SECRET), **found)
        self.revision = 1
        self.looked = self.heard = 0
        self.noted: list[Mapping[str, float]] = []
        self.broken = False
        self.going = asyncio.Event()
        self.going.set()

    async def keys_revision(self) -> int:
        self.heard += 1
        return self.revision

    async def find_key(self, digest: bytes) -> FoundKey | None:
        self.looked += 1
        found = self.found
        await self.going.wait()
        return found if found and digest == found.digest else None

    async def note_use(self, used: Mapping[str, float]) -> None:
        if self.broken:
            raise Unavailable("Not now.")
        self.noted.append(used)


class Clocks:
    """The time of day, and how long it has been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        monkeypatch.setattr(issued.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def keys(store: Store, clock: Clocks) -> IssuedKeys:
    return IssuedKeys(cast("KeepsKeys", store), clock)


def credential(key: str = SECRET.reveal()) -> Credential:
    return Credential(Secret(key))


async def test_a_key_says_who_comes_in_and_what_that_may_do(clock: Clocks) -> None:
    principal = await keys(Store(), clock).authenticate(credential())
    assert principal is not None
    assert (principal.id, principal.name, principal.key_id) == ("usr_ada", "phone", "key_1")
    for field in ("scopes", "models", "tools", "tool_servers", "projects", "profile", "limits"):
        assert getattr(principal, field) == getattr(KEY, field)
    assert principal.on_disconnect == "detach"
    assert principal.upstream_key is None


async def test_a_key_of_no_user_is_an_owner_of_its_own(clock: Clocks) -> None:
    principal = await keys(Store(replace(KEY, user=None)), clock).authenticate(credential())
    assert principal is not None
    assert principal.id == "key_1"


async def test_a_key_that_was_seen_is_not_looked_up_again(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    first = await issued.authenticate(credential())
    for _ in range(50):
        assert await issued.authenticate(credential()) is first
    assert (store.looked, store.heard) == (1, 1)


@pytest.mark.parametrize(
    "key", ["", "gw-static", "sk-ant-x", "cg-x", new_secret().reveal()[:-1] + "_"]
)
async def test_s1_what_is_no_key_of_ours_never_reaches_the_store(clock: Clocks, key: str) -> None:
    store = Store()
    assert await keys(store, clock).authenticate(credential(key)) is None
    assert store.looked == 0


async def test_a_key_that_nobody_issued_is_somebody_elses_to_recognise(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    assert await issued.authenticate(credential(new_secret().reveal())) is None
    assert store.looked == 1


async def test_s10_what_the_store_found_is_compared_once_more(clock: Clocks) -> None:
    store = Store()
    found = store.found
    assert found is not None

    async def wrong(digest: bytes) -> FoundKey | None:
        return replace(found, digest=b"\0" * 32)

    store.find_key = wrong  # type: ignore[method-assign]
    assert await keys(store, clock).authenticate(credential()) is None


@pytest.mark.parametrize(
    ("store", "error", "code"),
    [
        ({"key": replace(KEY, revoked_at=NOW)}, Unauthorized, "api_key_revoked"),
        ({"key": replace(KEY, expires_at=NOW)}, Unauthorized, "api_key_expired"),
        ({"until": NOW}, Unauthorized, "api_key_replaced"),
        ({"disabled": True}, Forbidden, "user_disabled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_key_that_is_good_no_more_says_why(
    clock: Clocks, store: dict[str, Any], error: type[Exception], code: str
) -> None:
    issued = keys(Store(**store), clock)
    for _ in range(2):
        with pytest.raises(error) as refusal:
            await issued.authenticate(credential())
        assert refusal.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("store", [{"key": replace(KEY, expires_at=NOW + 9)}, {"until": NOW + 9}])
async def test_a_remembered_key_ends_on_the_second(clock: Clocks, store: dict[str, Any]) -> None:
    issued = keys(Store(**store), clock)
    assert await issued.authenticate(credential())
    clock.now = NOW + 8.9
    assert await issued.authenticate(credential())
    clock.now = NOW + 9
    with pytest.raises(Unauthorized):
        await issued.authenticate(credential())


async def test_what_another_process_changed_is_heard_within_half_a_second(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    await issued.authenticate(credential())
    store.found, store.revision = FoundKey(replace(KEY, revoked_at=NOW), digest_of(SECRET)), 2
    clock.now += FRESH - 0.01
    assert await issued.authenticate(credential())
    clock.now += 0.01
    with pytest.raises(Unauthorized):
        await issued.authenticate(credential())


async def test_news_is_asked_for_once_however_many_wait(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    await asyncio.gather(*(issued.authenticate(credential()) for _ in range(20)))
    assert store.heard == 1


async def test_what_this_process_changed_is_forgotten_at_once(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    await issued.authenticate(credential())
    store.found = FoundKey(replace(KEY, revoked_at=NOW), digest_of(SECRET))
    issued.forget()
    with pytest.raises(Unauthorized):
        await issued.authenticate(credential())


async def test_a_look_up_that_a_change_has_overtaken_is_not_remembered(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    store.going.clear()
    slow = asyncio.create_task(issued.authenticate(credential()))
    while not store.looked:
        await asyncio.sleep(0)
    store.found = FoundKey(replace(KEY, revoked_at=NOW), digest_of(SECRET))
    issued.forget()
    store.going.set()
    assert await slow  # it came before the change
    with pytest.raises(Unauthorized):
        await issued.authenticate(credential())


async def test_nothing_is_remembered_for_long(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    await issued.authenticate(credential())
    clock.now += REMEMBERED
    await issued.authenticate(credential())
    assert store.looked == 2


async def test_what_is_remembered_is_bounded(
    clock: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issued, "MOST_KNOWN", 3)
    store = Store()
    known = keys(store, clock)
    for _ in range(10):
        secret = new_secret()
        store.found = FoundKey(KEY, digest_of(secret))
        assert await known.authenticate(credential(secret.reveal()))
        assert len(known._known) <= 3


async def test_the_last_use_is_written_later_and_together(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    async with issued.noting():
        await issued.authenticate(credential())
        clock.now += 1
        await issued.authenticate(credential())
        assert store.noted == []
    assert store.noted == [{"key_1": NOW + 1}]
    await issued.note_use()
    assert len(store.noted) == 1


async def test_the_last_use_is_written_every_now_and_then(clock: Clocks) -> None:
    store = Store()
    issued = keys(store, clock)
    async with issued.noting(0), asyncio.timeout(5):
        await issued.authenticate(credential())
        while not store.noted:
            await asyncio.sleep(0)


async def test_a_use_that_could_not_be_written_is_written_with_the_next(
    clock: Clocks, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    issued = keys(store, clock)
    await issued.authenticate(credential())
    store.broken = True
    await issued.note_use()
    assert "the last use of keys could not be noted" in caplog.messages
    store.broken = False
    await issued.note_use()
    assert store.noted == [{"key_1": NOW}]
