"""What is deleted is gone at once; its rows go bit by bit, while others write."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import randbytes

import pytest
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.house import House
from claude_gateway_sqlite.opening import for_writing
from claude_gateway_sqlite.pruning import FEW, purge_some
from claude_gateway_sqlite.search import AT_ONCE
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import NotFound, SessionFilter
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    chunk,
    ended,
    message,
    session,
    starting,
    turn,
)

MANY = 100_000
TABLES = (
    *("sessions", "session_texts", "messages", "tool_executions", "runs", "replies", "events"),
    *("searchable", "not_searchable"),
)


def left(file: Path) -> dict[str, int]:
    """Rows that are left, by table; those without any are left out."""
    with closing(sqlite3.connect(file)) as db:
        counts = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
    return {name: count for name, count in counts.items() if count}


async def until_tidy(file: Path, **expected: int) -> None:
    """Wait until only so many rows are left."""
    async with asyncio.timeout(50):
        while await asyncio.to_thread(left, file) != expected:
            await asyncio.sleep(0.02)


async def long_session(store: SqliteStore, messages: int) -> None:
    await store.create_session(session("long"))
    for first in range(0, messages, 5000):
        many = [message(f"{n} words") for n in range(first, min(first + 5000, messages))]
        await store.add_messages(ADA, "long", many)


@pytest.mark.timeout(120)
async def test_t31_a_session_of_100000_messages_goes_while_others_write(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await long_session(store, MANY)
        await store.create_session(session("other"))
        before = time.perf_counter()
        await store.delete_session(ADA, "long")
        assert time.perf_counter() - before < 1
        with pytest.raises(NotFound):
            await store.history(ADA, "long")
        times = []
        for number in range(100):
            before = time.perf_counter()
            await store.add_messages(ADA, "other", [message(str(number))])
            times.append(time.perf_counter() - before)
        assert left(tmp_path / "gateway.db")["messages"] > 100, "it was all gone before: no test"
        times.sort()
        # Tens of milliseconds where the disk and the processor are one's own.
        assert times[50] < 0.1
        assert times[-1] < 0.5


def test_t31_no_transaction_takes_away_more_than_a_few_rows(tmp_path: Path) -> None:
    asyncio.run(make_something_to_delete(tmp_path))
    with closing(for_writing(tmp_path / "gateway.db", "normal")) as connection:
        desk = Desk(connection)
        (ref,) = connection.execute("SELECT ref FROM sessions WHERE owner IS NULL").fetchone()
        steps, more = [], True
        while more:
            before = desk.changed()
            desk.begin()
            more = purge_some(desk, ref)
            desk.commit()
            steps.append(desk.changed() - before)
    assert sum(steps) > 1000
    # A message is several rows: itself, and what the index writes of it now and then.
    assert max(steps) < 10 * FEW
    assert left(tmp_path / "gateway.db") == {}


async def make_something_to_delete(folder: Path) -> None:
    """A session with everything that can hang on one, deleted and not yet taken away."""
    async with open_store(folder) as store:
        for number in range(60):
            await turn(store, f"run_{number}", "long")
        begun = await store.begin_turn(
            replace(starting("last", session_id="long"), new_session=False, expected=120)
        )
        await store.append_events([chunk("last", n, n) for n in range(1, 700)])
        end = ended(begun, *(str(n) for n in range(300)))
        await store.end_run(replace(end, run=replace(end.run, reply=b"{}")))
        await store.list_sessions(ADA, ALL, SessionFilter(query="Hello"))
        with closing(for_writing(folder / "gateway.db", "normal")) as hand:
            hand.execute("UPDATE sessions SET owner = NULL")


async def test_what_was_deleted_is_taken_away_after_a_restart(tmp_path: Path) -> None:
    await make_something_to_delete(tmp_path)
    async with open_store(tmp_path) as store:
        await until_tidy(tmp_path / "gateway.db")
        assert (await store.session_stats(ADA)).total.runs == 61
        await turn(store, "new", "long")
        stats = await store.session_stats(ADA)
        assert stats.total.runs == 62, "the number of a run was given twice"


async def test_words_of_what_was_deleted_leave_the_index(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for name in ("gone", "kept"):
            await store.create_session(session(name, title=f"title {name}"))
            await store.add_messages(ADA, name, [message(f"unusual {name}")])
        assert (await store.list_sessions(ADA, ALL, SessionFilter(query="unusual"))).total == 2
        await store.delete_session(ADA, "gone")
        await until_tidy(
            tmp_path / "gateway.db", sessions=1, session_texts=1, messages=1, searchable=1
        )
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as db:
        for words, hits in (("unusual", 1), ("title", 1), ("gone", 0)):
            found = db.execute("SELECT count(*) FROM search WHERE search MATCH ?", (words,))
            assert found.fetchone() == (hits,), words


async def test_the_index_is_made_while_nobody_writes_and_a_little_at_a_time(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        await store.add_messages(ADA, "s", [message("x" * 1000) for _ in range(500)])
        await until_tidy(
            tmp_path / "gateway.db", sessions=1, session_texts=1, messages=500, searchable=1
        )
    with closing(for_writing(tmp_path / "gateway.db", "normal")) as connection:
        desk, house = Desk(connection), House()
        connection.execute("DELETE FROM searchable")
        connection.execute("INSERT INTO not_searchable SELECT ref FROM sessions")
        connection.execute("INSERT INTO search(search) VALUES('delete-all')")
        assert house(desk)
        (number,) = connection.execute("SELECT number FROM searchable").fetchone()
        assert 10 < number <= AT_ONCE // 1000
        while house(desk):
            pass
        found = connection.execute("SELECT count(*) FROM search WHERE search MATCH 'x*'")
        assert found.fetchone() == (500,)


async def test_a_search_sees_everything_however_much_waits_to_be_indexed(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        await store.add_messages(ADA, "s", [message("y" * 2000 + f" n{n}") for n in range(300)])
        for words in ("n0", "n150", "n299"):
            found = await store.list_sessions(ADA, ALL, SessionFilter(query=words))
            assert found.total == 1, words


async def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    wal, sizes = tmp_path / "gateway.db-wal", []
    async with open_store(tmp_path, "normal") as store:
        begun = await store.begin_turn(starting())
        for number in range(1, 1200):
            await store.append_events([chunk(begun.id, number, number, randbytes(50_000))])
            if number % 100 == 0:
                await store.read_events(ADA, begun.id, number - 10)
                sizes.append(wal.stat().st_size)
        assert (tmp_path / "gateway.db").stat().st_size > 40 << 20
        assert max(sizes) < 24 << 20
    assert not wal.exists()
