"""What a store does with projects."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace

import pytest

from claude_gateway.errors import Conflict, InvalidRequest, NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    ODD,
    START,
    ids,
    project,
    replay,
    session,
)
from claude_gateway.types.resources import Page


class OfProjects(OfAStore):
    """Tests of KeepsProjects."""

    async def test_a_project_comes_back_as_it_was_kept(self, store: Store) -> None:
        made = replace(
            project(),
            description="About\nthings",
            path="a/b",
            metadata={"deep": {"n": 2**70, "list": [None, True, 0.1]}},
            is_active=False,
        )
        assert await store.create_project(made) == made
        assert await store.get_project(ADA, "p") == made

    async def test_a_project_of_the_same_id_is_refused(self, store: Store) -> None:
        await store.create_project(project(name="first"))
        with pytest.raises(Conflict) as refusal:
            await store.create_project(project(name="second"))
        assert refusal.value.code == "exists"
        assert (await store.get_project(ADA, "p")).name == "first"

    async def test_a_project_is_only_made_when_it_is_missing(self, store: Store) -> None:
        first = await store.ensure_project(project(name="first"))
        assert first == project(name="first")
        assert await store.ensure_project(project(name="second")) == first

    async def test_a_project_that_is_made_again_by_the_same_request_is_the_first(
        self, store: Store
    ) -> None:
        first = await store.create_project(project("one"), replay("one", "project"))
        again = await store.create_project(project("two"), replay("two", "project"))
        assert again == first
        with pytest.raises(Conflict) as refusal:
            await store.create_project(project("two"), replay("two", "project", digest="other"))
        assert refusal.value.code == "idempotency_key_reused"
        assert ids((await store.list_projects(ADA, ALL)).items) == ["one"]

    async def test_projects_are_listed_by_their_last_change(self, store: Store) -> None:
        for number in range(5):
            await store.create_project(project(str(number), at=START - 100 + number))
        await store.update_project(ADA, "1", {"name": "changed"})
        listed = await store.list_projects(ADA, Page(2, 1))
        assert (ids(listed.items), listed.total) == (["4", "3"], 5)
        assert (await store.list_projects(ADA, ALL)).items[0].id == "1"
        assert (await store.list_projects(ADA, Page(2, 5))).total == 5

    async def test_projects_are_found_by_words_of_name_or_description(self, store: Store) -> None:
        await store.create_project(project("a", name="Blue whale"))
        await store.create_project(replace(project("b", name="Fish"), description="of the WHALE"))
        for query, found in [("whale", {"a", "b"}), ("blue whale", {"a"}), ("100%", set())]:
            listed = await store.list_projects(ADA, ALL, query)
            assert (set(ids(listed.items)), listed.total) == (found, len(found)), query

    async def test_a_project_changes_in_the_fields_that_are_named(self, store: Store) -> None:
        made = await store.create_project(project())
        changed = await store.update_project(ADA, "p", {"path": "new", "metadata": {}})
        assert changed == replace(made, path="new", metadata={}, updated_at=changed.updated_at)
        assert changed.updated_at >= made.updated_at
        assert await store.get_project(ADA, "p") == changed
        with pytest.raises(InvalidRequest):
            await store.update_project(ADA, "p", {"owner": "eve"})

    async def test_sessions_of_a_deleted_project_move_to_the_default_one(
        self, store: Store
    ) -> None:
        await store.create_project(project())
        await store.create_session(session(project_id="p"))
        await store.delete_project(ADA, "p")
        assert (await store.get_session(ADA, "s")).project_id == "default"
        for call in (store.get_project(ADA, "p"), store.delete_project(ADA, "p")):
            with pytest.raises(NotFound):
                await call

    @pytest.mark.parametrize("odd", ODD)
    async def test_s1_a_project_may_be_called_anything(self, store: Store, odd: str) -> None:
        made = replace(project(odd, name=odd), description=odd, path=odd, metadata={odd: odd})
        await store.create_project(made)
        await store.create_project(project("other"))
        assert await store.get_project(ADA, odd) == made
        if "\0" not in odd:
            assert made in (await store.list_projects(ADA, ALL, odd)).items
        await store.delete_project(ADA, odd)
        assert ids((await store.list_projects(ADA, ALL)).items) == ["other"]
