"""How a store keeps users and keys, if it does."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from claude_gateway.errors import Conflict, InvalidRequest, NotFound
from claude_gateway.key_stores import KeepsKeys
from claude_gateway.testing.stores.samples import ALL, ODD, START
from claude_gateway.types.keys import FoundKey, Key, KeySecret, User
from claude_gateway.types.principals import Limits
from claude_gateway.types.resources import Page

ADA = User("usr_ada", "ada", START)
KEY = Key("key_1", "phone", "cg-abc", START)
WHOLE = Key(
    "key_2",
    "tablet",
    "cg-def",
    START + 0.125,
    user=ADA.id,
    scopes=frozenset({"read", "mcp:manage"}),
    models=frozenset({"claude-haiku-*", "sonnet"}),
    tools=frozenset(),
    tool_servers=frozenset({"files"}),
    projects=frozenset({"default", "prj_1"}),
    profile="ios",
    on_disconnect="detach",
    limits=Limits(rpm=3, tpm=10**9, max_concurrent=1, budget=Decimal("0.1")),
    expires_at=START + 99,
    revoked_at=START + 98,
    last_used_at=START + 97,
)


def secret(word: str = "one", hint: str = "cg-abc") -> KeySecret:
    """Return what is kept of a secret."""
    return KeySecret(hashlib.sha256(word.encode()).digest(), hint)


class KeysConformance:
    """The tests that every store must pass that keeps users and keys, beside StoreConformance."""

    @pytest.fixture
    async def store(self) -> Any:
        """Return or yield the store to test, which is empty; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `store`")

    async def test_the_gateway_finds_that_it_keeps_keys(self, store: KeepsKeys) -> None:
        assert isinstance(store, KeepsKeys)

    @pytest.mark.parametrize("key", [KEY, WHOLE], ids=["plain", "whole"])
    async def test_a_key_comes_back_as_it_was_kept(self, store: KeepsKeys, key: Key) -> None:
        await store.add_user(ADA)
        assert await store.add_key(key, secret(hint=key.hint)) == key
        assert await store.get_key(key.id) == key
        assert await store.find_key(secret().digest) == FoundKey(key, secret().digest)
        assert list((await store.list_keys(ALL)).items) == [key]

    async def test_a_key_is_found_by_the_digest_of_its_secret_and_nothing_else(
        self, store: KeepsKeys
    ) -> None:
        await store.add_key(KEY, secret())
        for digest in (b"", b"\0" * 32, secret().digest[:31], secret("other").digest):
            assert await store.find_key(digest) is None

    async def test_no_two_keys_have_one_id_or_one_secret(self, store: KeepsKeys) -> None:
        await store.add_key(KEY, secret())
        with pytest.raises(Conflict) as same_id:
            await store.add_key(KEY, secret("other"))
        with pytest.raises(Conflict) as same_secret:
            await store.add_key(replace(KEY, id="key_9"), secret())
        assert {same_id.value.code, same_secret.value.code} == {"exists"}
        assert list((await store.list_keys(ALL)).items) == [KEY]
        assert await store.find_key(secret("other").digest) is None

    async def test_keys_are_listed_the_newest_first_of_all_or_of_one_user(
        self, store: KeepsKeys
    ) -> None:
        for n in range(4):
            user = ADA.id if n % 2 else None
            await store.add_key(replace(KEY, id=f"key_{n}", user=user), secret(str(n)))
        window = await store.list_keys(Page(2, 1))
        assert ([key.id for key in window.items], window.total) == (["key_2", "key_1"], 4)
        of_ada = await store.list_keys(ALL, ADA.id)
        assert ([key.id for key in of_ada.items], of_ada.total) == (["key_3", "key_1"], 2)
        assert (await store.list_keys(ALL, "nobody")).total == 0

    @pytest.mark.parametrize(
        "changes",
        [
            {"name": "other"},
            {"scopes": frozenset({"admin"}), "models": frozenset({"m"})},
            {"limits": Limits(budget=Decimal("12.34"))},
            {"expires_at": START + 5, "profile": None, "on_disconnect": "cancel"},
            {"revoked_at": START + 1},
        ],
        ids="+".join,
    )
    async def test_fields_are_replaced_and_the_others_stay(
        self, store: KeepsKeys, changes: Mapping[str, Any]
    ) -> None:
        await store.add_key(WHOLE, secret(hint=WHOLE.hint))
        await store.add_key(KEY, secret("other"))
        changed = replace(WHOLE, **changes)
        assert await store.update_key(WHOLE.id, changes) == changed
        assert await store.get_key(WHOLE.id) == changed
        assert await store.get_key(KEY.id) == KEY

    @pytest.mark.parametrize("field", ["id", "hint", "user", "created_at", "nonsense"])
    async def test_what_a_key_is_cannot_be_changed(self, store: KeepsKeys, field: str) -> None:
        await store.add_key(KEY, secret())
        with pytest.raises(InvalidRequest) as refusal:
            await store.update_key(KEY.id, {field: "x"})
        assert refusal.value.param == field
        assert await store.get_key(KEY.id) == KEY

    async def test_a_rotated_key_is_the_same_key_with_another_secret(
        self, store: KeepsKeys
    ) -> None:
        await store.add_key(KEY, secret("old"))
        rotated = await store.rotate_key(KEY.id, secret("new", "cg-new"), START + 60)
        assert rotated == replace(KEY, hint="cg-new")
        old, new = secret("old").digest, secret("new").digest
        assert await store.find_key(old) == FoundKey(rotated, old, START + 60)
        assert await store.find_key(new) == FoundKey(rotated, new)

    async def test_no_later_rotation_gives_an_old_secret_more_time(self, store: KeepsKeys) -> None:
        await store.add_key(KEY, secret("a"))
        await store.rotate_key(KEY.id, secret("b"), START + 60)
        await store.rotate_key(KEY.id, secret("c"), START + 90)
        untils = {}
        for word in "abc":
            found = await store.find_key(secret(word).digest)
            untils[word] = found and found.until
        assert untils == {"a": START + 60, "b": START + 90, "c": None}

    async def test_a_secret_of_another_key_is_taken_by_no_rotation(self, store: KeepsKeys) -> None:
        await store.add_key(KEY, secret("a"))
        await store.add_key(replace(KEY, id="key_9"), secret("b"))
        with pytest.raises(Conflict):
            await store.rotate_key(KEY.id, secret("b"), START)
        found = await store.find_key(secret("a").digest)
        assert found is not None
        assert found.until is None

    async def test_what_is_not_there_is_not_found(self, store: KeepsKeys) -> None:
        with pytest.raises(NotFound):
            await store.get_key("none")
        with pytest.raises(NotFound):
            await store.update_key("none", {"name": "x"})
        with pytest.raises(NotFound):
            await store.rotate_key("none", secret(), START)
        with pytest.raises(NotFound):
            await store.get_user("none")
        with pytest.raises(NotFound):
            await store.update_user("none", {"name": "x"})
        assert await store.find_key(secret().digest) is None

    async def test_the_last_use_of_keys_is_noted_and_never_goes_back(
        self, store: KeepsKeys
    ) -> None:
        await store.add_key(KEY, secret("a"))
        await store.add_key(replace(KEY, id="key_9"), secret("b"))
        await store.note_use({KEY.id: START + 5, "none": START})
        await store.note_use({KEY.id: START + 3})
        await store.note_use({})
        assert (await store.get_key(KEY.id)).last_used_at == START + 5
        assert (await store.get_key("key_9")).last_used_at is None

    async def test_every_change_is_a_new_revision_and_a_use_is_none(self, store: KeepsKeys) -> None:
        seen = [await store.keys_revision()]
        await store.add_user(ADA)
        seen.append(await store.keys_revision())
        await store.add_key(KEY, secret("a"))
        seen.append(await store.keys_revision())
        await store.update_key(KEY.id, {"revoked_at": START})
        seen.append(await store.keys_revision())
        await store.rotate_key(KEY.id, secret("b"), START)
        seen.append(await store.keys_revision())
        await store.update_user(ADA.id, {"disabled_at": START})
        seen.append(await store.keys_revision())
        assert len(set(seen)) == len(seen)
        await store.note_use({KEY.id: START})
        assert await store.keys_revision() == seen[-1]

    async def test_users_come_back_as_they_were_kept_the_newest_first(
        self, store: KeepsKeys
    ) -> None:
        bob = User("usr_bob", "bob", START, START + 1)
        await store.add_user(ADA)
        await store.add_user(bob)
        assert await store.get_user(bob.id) == bob
        listing = await store.list_users(ALL)
        assert (list(listing.items), listing.total) == ([bob, ADA], 2)
        assert list((await store.list_users(Page(1, 1))).items) == [ADA]

    async def test_no_two_users_have_one_id_or_one_name(self, store: KeepsKeys) -> None:
        await store.add_user(ADA)
        await store.add_user(User("usr_bob", "bob", START))
        for user in (User("usr_ada", "other", START), User("usr_eve", "ada", START)):
            with pytest.raises(Conflict):
                await store.add_user(user)
        with pytest.raises(Conflict):
            await store.update_user("usr_bob", {"name": "ada"})
        assert await store.update_user(ADA.id, {"name": "ada"}) == ADA

    async def test_limits_of_a_user_are_kept_and_seen_in_the_keys(self, store: KeepsKeys) -> None:
        limits = Limits(rpm=3, tpm=10**9, max_concurrent=1)
        assert (await store.add_user(replace(ADA, limits=limits))).limits == limits
        await store.add_key(replace(KEY, user=ADA.id), secret())
        found = await store.find_key(secret().digest)
        assert found is not None
        assert found.user_limits == limits
        revision = await store.keys_revision()
        changed = await store.update_user(ADA.id, {"limits": Limits(rpm=4)})
        assert await store.get_user(ADA.id) == changed == replace(ADA, limits=Limits(rpm=4))
        assert list((await store.list_users(ALL)).items) == [changed]
        found = await store.find_key(secret().digest)
        assert found is not None
        assert found.user_limits == Limits(rpm=4)
        assert await store.keys_revision() != revision
        await store.update_user(ADA.id, {"limits": Limits()})
        assert await store.get_user(ADA.id) == ADA

    async def test_a_disabled_user_is_seen_in_the_keys(self, store: KeepsKeys) -> None:
        await store.add_user(ADA)
        await store.add_key(replace(KEY, user=ADA.id), secret())
        disabled = await store.update_user(ADA.id, {"disabled_at": START})
        assert await store.get_user(ADA.id) == disabled == replace(ADA, disabled_at=START)
        found = await store.find_key(secret().digest)
        assert found is not None
        assert found.disabled
        await store.update_user(ADA.id, {"disabled_at": None})
        found = await store.find_key(secret().digest)
        assert found is not None
        assert not found.disabled

    @pytest.mark.parametrize("odd", ODD)
    async def test_s1_names_may_hold_anything(self, store: KeepsKeys, odd: str) -> None:
        key = replace(KEY, name=odd, user=odd, models=frozenset({odd}), projects=frozenset({odd}))
        await store.add_user(User(odd, odd, START))
        await store.add_key(key, secret())
        assert await store.get_key(KEY.id) == key
        assert await store.get_user(odd) == User(odd, odd, START)
        if odd:
            assert list((await store.list_keys(ALL, odd)).items) == [key]
        with pytest.raises(NotFound):
            await store.get_key(odd)
        assert await store.find_key(odd.encode()) is None
