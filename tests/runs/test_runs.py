"""What keeps runs, with a store that is slow, full, or has forgotten."""

from __future__ import annotations

from pathlib import Path

from claude_gateway_sqlite.store import open_store

from claude_gateway.runs import Runs
from claude_gateway.testing.stores.samples import ADA, ended, run, starting


async def test_the_end_of_a_run_that_was_deleted_does_not_hold_up_the_others(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        runs = Runs(store, lambda _model, _usage: None)
        await store.begin_turn(starting("run_1"))
        runs.keep_later(ended(run("run_gone")))
        runs.keep_later(ended(run("run_1")))
        await runs.flush()
        assert (await store.get_run(ADA, "run_1")).over
        assert await runs.keep(ended(run("run_gone"))) is None
