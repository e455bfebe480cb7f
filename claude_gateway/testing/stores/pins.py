"""What a store remembers of tools."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace

import pytest

from claude_gateway.errors import NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import ODD, START
from claude_gateway.types.trust import Pin

PIN = Pin("files", "read", "d1", b' {"name" :"read"} ', START)


class OfPins(OfAStore):
    """Tests of KeepsPins."""

    async def test_s12_a_pin_comes_back_as_it_was_kept(self, store: Store) -> None:
        await store.add_pins([PIN])
        assert await store.get_pin("files", "read") == PIN
        assert dict(await store.pinned_digests("files")) == {"read": "d1"}

    async def test_s12_a_pin_that_is_there_is_not_taken_away_by_a_later_one(
        self, store: Store
    ) -> None:
        await store.add_pins([PIN])
        other = replace(PIN, tool="write")
        await store.add_pins([replace(PIN, digest="d2", said=b"{}"), other])
        assert await store.get_pin("files", "read") == PIN
        assert await store.get_pin("files", "write") == other

    async def test_s12_a_pin_is_replaced_when_that_is_asked_for(self, store: Store) -> None:
        later = replace(PIN, digest="d2", said=b"{}", pinned_at=START + 1)
        await store.add_pins([PIN, replace(PIN, tool="write")])
        await store.replace_pin(later)
        assert await store.get_pin("files", "read") == later
        assert dict(await store.pinned_digests("files")) == {"read": "d2", "write": "d1"}
        new = replace(PIN, tool="new")
        await store.replace_pin(new)
        assert await store.get_pin("files", "new") == new

    async def test_pins_of_one_server_are_not_anothers(self, store: Store) -> None:
        await store.add_pins([PIN, replace(PIN, server="Files", digest="d2")])
        assert dict(await store.pinned_digests("files")) == {"read": "d1"}
        assert dict(await store.pinned_digests("none")) == {}
        for server, tool in (("none", "read"), ("files", "none"), ("files", "Read")):
            with pytest.raises(NotFound):
                await store.get_pin(server, tool)

    @pytest.mark.parametrize("name", ODD)
    async def test_s1_tools_may_be_called_anything(self, store: Store, name: str) -> None:
        pin = replace(PIN, tool=name)
        await store.add_pins([PIN, pin])
        assert await store.get_pin("files", name) == pin

    async def test_nothing_to_pin_is_nothing(self, store: Store) -> None:
        await store.add_pins([])
        assert dict(await store.pinned_digests("files")) == {}
