"""What a store does with runs that wait for approvals."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace

import pytest

from claude_gateway.errors import NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    USAGE,
    chunk,
    ended,
    ids,
    run,
    starting,
)
from claude_gateway.types.approvals import AskedCall

STATE = b'{"anything": "\\u0000"}' + bytes(range(256))
CALL = AskedCall("toolu_1", "srv", "look", "srv__look", b'{ "n": 1.10 }', "d", "ask", 12.5)
DENIED = replace(CALL, id="toolu_2", decision="denied", reason="No \u20ac", decided_at=11.5)
WAITING = replace(
    run(),
    status="awaiting_approval",
    approvals=(CALL, DENIED),
    served_model="claude-test-1",
    usage=USAGE,
    last_event=3,
)


class OfParkedRuns(OfAStore):
    """Tests of `park_run` and `parked_state`."""

    async def test_a_run_that_waits_comes_back_as_it_was_parked(self, store: Store) -> None:
        await store.begin_turn(starting())
        await store.park_run(WAITING, STATE, chunk("run_1", 1, 3))
        assert await store.get_run(ADA, "run_1") == WAITING
        assert await store.parked_state(ADA, "run_1") == STATE
        assert list(await store.read_events(ADA, "run_1")) == [chunk("run_1", 1, 3)]
        listed = await store.list_runs(ADA, ALL, status="awaiting_approval")
        assert list(listed.items) == [WAITING]
        assert ids(await store.orphaned_runs()) == ["run_1"]

    async def test_a_run_that_parks_again_has_its_newest_state(self, store: Store) -> None:
        await store.begin_turn(starting())
        await store.park_run(WAITING, STATE)
        changes = {"status": "running", "approvals": (), "instance": store.instance}
        changed = await store.update_run(ADA, "run_1", changes)
        assert (changed.status, changed.approvals) == ("running", ())
        assert await store.orphaned_runs() == []
        await store.park_run(replace(changed, status="awaiting_approval"), b"new")
        assert await store.parked_state(ADA, "run_1") == b"new"

    async def test_what_a_run_needed_goes_with_its_end(self, store: Store) -> None:
        begun = await store.begin_turn(starting())
        await store.park_run(WAITING, STATE)
        await store.end_run(ended(replace(begun, approvals=WAITING.approvals)))
        assert (await store.get_run(ADA, "run_1")).approvals == WAITING.approvals
        with pytest.raises(NotFound):
            await store.parked_state(ADA, "run_1")
        with pytest.raises(NotFound):
            await store.park_run(WAITING, STATE)
        assert (await store.get_run(ADA, "run_1")).status == "completed"

    async def test_s9_nobody_parks_or_reads_what_is_anothers(self, store: Store) -> None:
        await store.begin_turn(starting())
        await store.park_run(WAITING, STATE)
        with pytest.raises(NotFound):
            await store.parked_state(EVE, "run_1")
        with pytest.raises(NotFound):
            await store.park_run(replace(WAITING, owner=EVE), b"Eve's")
        assert await store.parked_state(ADA, "run_1") == STATE

    async def test_a_deleted_session_takes_its_run_that_waits_along(self, store: Store) -> None:
        await store.begin_turn(starting())
        await store.park_run(WAITING, STATE)
        await store.delete_session(ADA, "s")
        with pytest.raises(NotFound):
            await store.parked_state(ADA, "run_1")
        with pytest.raises(NotFound):
            await store.park_run(WAITING, STATE)
