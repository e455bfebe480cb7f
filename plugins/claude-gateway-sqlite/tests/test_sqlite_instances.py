"""Which processes live: a run is abandoned when the process that began it is gone, and not before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_gateway_sqlite.instances import FOLDER, Instances
from claude_gateway_sqlite.store import open_store

from claude_gateway.testing.stores.samples import starting

if TYPE_CHECKING:
    from tests.conftest import Talkers


async def test_runs_of_a_process_are_abandoned_when_it_is_gone_and_not_before(
    tmp_path: Path, talkers: Talkers
) -> None:
    living = talkers.start(tmp_path, 3)
    ((_, name), *_) = talkers.heard(living, 20)
    async with open_store(tmp_path) as store:
        own = starting("own", session_id="own")
        await store.begin_turn(replace(own, run=replace(own.run, instance=store.instance)))
        assert await store.orphaned_runs() == []
        talkers.kill(living)
        orphans = await store.orphaned_runs()
        assert {run.instance for run in orphans} <= {name}
        assert "own" not in {run.id for run in orphans}
        assert not (tmp_path / FOLDER / f"{name}.lock").exists()


async def test_a_store_that_was_closed_leaves_its_runs_to_others(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        start = starting()
        await store.begin_turn(replace(start, run=replace(start.run, instance=store.instance)))
        first = store.instance
    async with open_store(tmp_path) as store:
        assert store.instance != first
        assert [run.id for run in await store.orphaned_runs()] == ["run_1"]


def test_a_lock_of_the_dead_is_removed_and_one_of_the_living_is_not(tmp_path: Path) -> None:
    dead = "0" * 32
    with Instances.joined(tmp_path) as one, Instances.joined(tmp_path) as two:
        (tmp_path / FOLDER / f"{dead}.lock").touch()
        names = [one.own, two.own, dead, "f" * 32, "", "../../etc/passwd", "x" * 32]
        assert one.gone(names) == set(names) - {one.own, two.own}
        assert two.gone(names) == set(names) - {one.own, two.own}
        files = {file.name for file in (tmp_path / FOLDER).glob("*.lock")}
        assert files == {f"{one.own}.lock", f"{two.own}.lock"}
    assert [file.name for file in (tmp_path / FOLDER).iterdir()] == ["shared"]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "a\0b", "A" * 32])
def test_s1_the_name_of_an_instance_is_never_a_path(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside.lock"
    outside.touch()
    with Instances.joined(tmp_path) as instances:
        assert instances.gone([name]) == {name}
    assert outside.exists()
