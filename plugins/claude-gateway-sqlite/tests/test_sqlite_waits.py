"""What waits for the disk: the end of a turn always, its beginning only when told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.house import House
from claude_gateway_sqlite.opening import Synchronous
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import TurnStart
from claude_gateway.testing.stores.samples import ADA, chunk, ended, run, session, starting

FULL, NORMAL = 2, 1
numbers = count()


def level(desk: Desk) -> int:
    """Ask SQLite what its next commit waits for; a statement that it has seen is not asked again."""
    statement = f"PRAGMA synchronous -- {next(numbers)}"
    return int(desk.cur.execute(statement).fetchone()[0])


async def seen(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Return what tells the levels of the commits since it was last asked."""
    levels: list[int] = []
    commit = Desk.commit

    def watched(desk: Desk) -> None:
        commit(desk)
        levels.append(level(desk))

    monkeypatch.setattr(Desk, "commit", watched)
    monkeypatch.setattr(House, "__call__", lambda _house, _desk: False)

    def told() -> list[int]:
        found = levels.copy()
        levels.clear()
        return found

    await store.create_session(session("first"))
    assert told()[:1]
    return told


@pytest.mark.parametrize(
    ("synchronous", "beginning", "others"),
    [("answers", NORMAL, FULL), ("full", FULL, FULL), ("normal", NORMAL, NORMAL)],
)
async def test_a_question_waits_only_when_told_to_and_an_answer_unless_told_not_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    synchronous: Synchronous,
    beginning: int,
    others: int,
) -> None:
    async with open_store(tmp_path, synchronous) as store:
        told = await seen(store, monkeypatch)
        begun = await store.begin_turn(starting())
        assert told() == [beginning]
        await store.append_events([chunk(begun.id, 1, 2)])
        assert told() == [others]
        await store.end_run(ended(begun))
        assert told() == [others]
        await store.create_session(session("another"))
        assert told() == [others]


async def test_a_question_that_is_written_with_an_answer_waits_for_the_disk_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, done = threading.Event(), threading.Event()

    def at_work(_desk: Desk, _nothing: None) -> None:
        busy.set()
        done.wait(10)

    async with open_store(tmp_path) as store:
        told = await seen(store, monkeypatch)
        first = await store.begin_turn(starting())
        told()
        before = store.writer.do(at_work, None)
        await asyncio.to_thread(busy.wait, 10)  # what follows is written together
        together = asyncio.gather(
            store.begin_turn(starting("run_2", ADA, "s2")),
            store.end_run(ended(first)),
            store.begin_turn(starting("run_3", ADA, "s3")),
        )
        await asyncio.sleep(0)
        done.set()
        await asyncio.gather(before, together)
        assert told() == [FULL, FULL]


async def test_what_did_not_wait_is_soon_on_the_disk_though_nothing_follows(
    tmp_path: Path,
) -> None:
    alone = TurnStart(run("run_alone", ADA, None))
    async with open_store(tmp_path) as store:
        desk = store.writer._desk  # what no caller can see
        await store.begin_turn(alone)
        assert desk.owed
        async with asyncio.timeout(10):
            while desk.owed:
                await asyncio.sleep(0.05)
