"""How a store keeps the audit log."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import ADA, ALL, EVE, ODD, START, session
from claude_gateway.types.resources import Page
from claude_gateway.types.trust import AuditEntry, AuditFilter

ENTRY = AuditEntry(ADA, START, "files", "read", "completed", 12, "d" * 64, 2)
EVERY = AuditFilter()


def numbered(first: int, last: int, **fields: object) -> list[AuditEntry]:
    """Return entries of calls `c1` and so on, a second apart."""
    fields = {"owner": ADA, **fields}
    return [
        replace(ENTRY, call_id=f"c{n}", at=START + n, **fields)  # type: ignore[arg-type]
        for n in range(first, last)
    ]


def calls(entries: Sequence[AuditEntry]) -> list[str]:
    """Return which calls they are."""
    return [entry.call_id for entry in entries]


class OfAudit(OfAStore):
    """Tests of KeepsAudit."""

    async def test_an_entry_comes_back_as_it_was_kept_with_a_number(self, store: Store) -> None:
        whole = replace(
            ENTRY,
            session_id="s",
            run_id="run_1",
            project_id="default",
            call_id="toolu_1",
            arguments=b' {"n": 1.0e3} ',
            at=START + 0.125,
        )
        await store.add_audit([ENTRY, whole])
        second, first = (await store.list_audit(ADA, ALL, EVERY)).items
        assert replace(first, number=0) == ENTRY
        assert replace(second, number=0) == whole
        assert first.number != second.number

    async def test_the_newest_call_comes_first_in_windows(self, store: Store) -> None:
        await store.add_audit(numbered(0, 3))
        await store.add_audit([replace(ENTRY, call_id="late", at=START + 0.5)])
        assert calls((await store.list_audit(ADA, ALL, EVERY)).items) == ["c2", "c1", "late", "c0"]
        window = await store.list_audit(ADA, Page(2, 1), EVERY)
        assert (calls(window.items), window.total) == (["c1", "late"], 4)

    async def test_s9_nobody_reads_what_others_have_called(self, store: Store) -> None:
        await store.add_audit([*numbered(0, 2), *numbered(2, 3, owner=EVE)])
        assert calls((await store.list_audit(EVE, ALL, EVERY)).items) == ["c2"]
        assert calls(await store.read_audit(EVE, EVERY, 10)) == ["c2"]
        assert (await store.list_audit("nobody", ALL, EVERY)).total == 0
        everybody = await store.list_audit(None, ALL, EVERY)
        assert (calls(everybody.items), everybody.total) == (["c2", "c1", "c0"], 3)
        assert calls(await store.read_audit(None, EVERY, 10)) == ["c2", "c1", "c0"]

    @pytest.mark.parametrize(
        ("only", "found"),
        [
            (AuditFilter(session_id="s"), ["c2"]),
            (AuditFilter(server="web"), ["c1"]),
            (AuditFilter(tool="write"), ["c3"]),
            (AuditFilter(outcome="failed"), ["c4"]),
            (AuditFilter(since=START + 3), ["c4", "c3"]),
            (AuditFilter(until=START + 2), ["c1", "c0"]),
            (AuditFilter(since=START + 1, until=START + 3), ["c2", "c1"]),
            (AuditFilter(server="files", outcome="completed"), ["c3", "c2", "c0"]),
            (AuditFilter(server="none"), []),
        ],
    )
    async def test_entries_are_found_by_what_was_called_and_when(
        self, store: Store, only: AuditFilter, found: list[str]
    ) -> None:
        entries = [
            *numbered(0, 1),
            *numbered(1, 2, server="web"),
            *numbered(2, 3, session_id="s"),
            *numbered(3, 4, tool="write"),
            *numbered(4, 5, outcome="failed"),
        ]
        await store.add_audit(entries)
        for owner in (ADA, None):
            listing = await store.list_audit(owner, ALL, only)
            assert (calls(listing.items), listing.total) == (found, len(found))
            assert calls(await store.read_audit(owner, only, 10)) == found

    @pytest.mark.parametrize("owner", [ADA, None])
    async def test_the_whole_log_is_read_piece_by_piece_while_it_grows(
        self, store: Store, owner: str | None
    ) -> None:
        same = [replace(one, at=START) for one in numbered(0, 4)]  # at one moment
        await store.add_audit([*same, *numbered(4, 7)])
        read: list[str] = []
        last: AuditEntry | None = None
        while piece := await store.read_audit(owner, EVERY, 2, last):
            read += calls(piece)
            last = piece[-1]
            await store.add_audit([replace(ENTRY, call_id="new", at=START + 99)])
        assert len(read) == 7
        assert set(read) == {f"c{n}" for n in range(7)}

    async def test_entries_outlive_the_session_that_they_name(self, store: Store) -> None:
        await store.create_session(session())
        await store.add_audit(numbered(0, 1, session_id="s"))
        await store.delete_session(ADA, "s")
        assert (await store.list_audit(ADA, ALL, AuditFilter(session_id="s"))).total == 1

    async def test_t31_entries_are_forgotten_a_bounded_number_at_a_time(self, store: Store) -> None:
        await store.add_audit([*numbered(0, 5), *numbered(5, 8, owner=EVE)])
        assert await store.prune_audit(START + 6, 0) == 0
        assert await store.prune_audit(START + 6, 4) == 4
        assert await store.prune_audit(START + 6, 4) == 2
        assert await store.prune_audit(START + 6, 4) == 0
        assert calls((await store.list_audit(None, ALL, EVERY)).items) == ["c7", "c6"]

    @pytest.mark.parametrize("odd", ODD)
    async def test_s1_names_may_hold_anything(self, store: Store, odd: str) -> None:
        entry = replace(ENTRY, tool=odd, server="s", session_id=odd, call_id=odd)
        await store.add_audit([ENTRY, entry])
        only = AuditFilter(tool=odd, session_id=odd)
        found = (await store.list_audit(ADA, ALL, only)).items
        if odd:
            assert [replace(one, number=0) for one in found] == [entry]
