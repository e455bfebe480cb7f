"""How a store finds words."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import pytest

from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    ODD,
    ids,
    message,
    session,
    starting,
)
from claude_gateway.types.resources import Page, SessionFilter


async def found(store: Store, query: str, owner: str = ADA) -> list[str]:
    """Return the ids of the sessions that a query finds, in alphabetical order."""
    listed = await store.list_sessions(owner, ALL, SessionFilter(query=query))
    assert listed.total == len(listed.items)
    return sorted(ids(listed.items))


class OfSearch(OfAStore):
    """Tests of `SessionFilter.query`."""

    async def test_words_are_found_in_titles_and_messages(self, store: Store) -> None:
        await store.create_session(session("titled", title="The blue whale"))
        await store.create_session(session("told"))
        await store.add_messages(ADA, "told", [message("a whale of a time"), message("Crème")])
        for query, expected in [
            ("whale", ["titled", "told"]),
            ("WHALE", ["titled", "told"]),
            ("blue whale", ["titled"]),
            ("whale blue", ["titled"]),
            ("whale crème", ["told"]),
            ("wha", ["titled", "told"]),
            ("nothing", []),
            ("   ", ["titled", "told"]),
        ]:
            assert await found(store, query) == expected, query

    async def test_what_has_just_been_written_is_found(self, store: Store) -> None:
        await store.create_session(session())
        for number in range(5):
            await store.add_messages(ADA, "s", [message(f"number{number}")])
            assert await found(store, f"number{number}") == ["s"]
        await store.update_session(ADA, "s", {"title": "Renamed"})
        assert await found(store, "renamed") == ["s"]
        await store.update_session(ADA, "s", {"title": "Again"})
        assert await found(store, "renamed") == []

    async def test_what_left_the_conversation_is_not_found(self, store: Store) -> None:
        await store.begin_turn(starting("run_1", ADA, "s", "first", "second"))
        assert await found(store, "second") == ["s"]
        again = starting(
            "run_2", ADA, "s", "third", new_session=False, expected=2, keep=1, session=session()
        )
        await store.begin_turn(again)
        assert await found(store, "second") == []
        assert await found(store, "third") == ["s"]

    async def test_s9_words_of_others_are_not_found(self, store: Store) -> None:
        await store.create_session(session("hers", EVE, title="secret 秘密"))
        await store.add_messages(EVE, "hers", [message("secret 秘密")])
        for word in ("secret", "秘密", "s"):
            assert await found(store, word) == []
            assert await found(store, word, EVE) == ["hers"]

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("你好世界", "世界"),
            ("これはテストです", "テスト"),
            ("สวัสดีชาวโลก", "ชาว"),
            ("a 🦊 b", "🦊"),
            ("50% off_road", "%"),
            ("50% off_road", "_"),
            ("x", "x"),
            ("C:\\temp", "\\"),
            ("Größe", "größe"),
            ("naïve", "naive"),
        ],
    )
    async def test_any_writing_is_found(self, store: Store, text: str, query: str) -> None:
        await store.create_session(session("s"))
        await store.create_session(session("other", title="none of it"))
        await store.add_messages(ADA, "s", [message(text)])
        assert await found(store, query) == ["s"]

    @pytest.mark.parametrize(
        "odd", [*ODD, 'a"', '"*', "*a", "a*b", "{a b}:c", "a OR b", "+", "a+b"]
    )
    async def test_s1_what_looks_like_a_query_is_only_words(self, store: Store, odd: str) -> None:
        await store.create_session(session("s"))
        await store.add_messages(ADA, "s", [message(f"before {odd} after"), message(odd)])
        await store.create_session(session("t", title=odd))
        await store.create_session(session("hers", EVE, title=odd))
        assert set(await found(store, odd)) >= {"s"}
        assert await found(store, f"zebra {odd}") == []

    async def test_what_is_found_comes_in_windows(self, store: Store) -> None:
        for number in range(5):
            await store.create_session(session(str(number), at=1000.0 + number, title="same"))
        listed = await store.list_sessions(ADA, Page(2, 1), SessionFilter(query="same"))
        assert (ids(listed.items), listed.total) == (["3", "2"], 5)
        only = SessionFilter("elsewhere", query="same")
        assert (await store.list_sessions(ADA, ALL, only)).total == 0
        assert (
            await store.list_sessions(ADA, ALL, SessionFilter(None, "ended", "same"))
        ).total == 0
