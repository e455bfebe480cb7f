"""A full disk, a read-only one, a busy and a damaged database: said as it is, and got over."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from claude_gateway_sqlite import readers
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.opening import for_writing
from claude_gateway_sqlite.store import SqliteStore, open_store
from claude_gateway_sqlite.troubles import translated

from claude_gateway import GatewayError, NotFound, PluginError, StorageFull, Unavailable
from claude_gateway.testing.stores.samples import ADA, ended, message, session, starting

FULL_DISK = Path(__file__).parent / "full_disk.py"


def in_a_namespace(folder: Path) -> list[str] | None:
    """How to run a command with mounts of its own; None where the system does not allow it."""
    ways = [["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]]
    for way in ways if shutil.which("unshare") else []:
        probe = [*way, "mount", "-t", "tmpfs", "tmpfs", str(folder)]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return way
    return None


async def test_a_full_disk_changes_nothing_and_is_got_over(tmp_path: Path) -> None:
    way = in_a_namespace(tmp_path)
    if way is None:
        pytest.skip("this system lets nobody here mount a small disk")
    command = [*way, sys.executable, str(FULL_DISK), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    turns = result["full"].pop("turns")
    assert 10 < turns < 200
    # The run whose end there was no room for is not counted, and nothing of it is there by half.
    assert result["full"] == {
        "said": "507 storage_full",
        "whole": True,
        "runs": [0, 0],
        "again": "after",
    }
    assert "cannot be" in result["closed"]
    assert "GATEWAY_DATA_DIR" in result["closed"]


async def test_a_database_that_may_not_grow_says_that_it_is_full(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        await limit(store, 120)
        with pytest.raises(StorageFull) as refusal:
            await until_refused(store)
        assert (refusal.value.status, refusal.value.should_retry) == (507, True)
        kept, messages = await store.history(ADA, "s")
        assert kept.message_count == len(messages) == kept.last_number
        await limit(store, 1 << 30)
        await store.add_messages(ADA, "s", [message("on we go")])


async def test_one_change_that_does_not_fit_takes_nobody_with_it(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        begun = await store.begin_turn(starting())
        await limit(store, 150)
        large = ended(begun, "x" * 2_000_000)
        results = await asyncio.gather(
            *(store.create_session(session(f"a{n}")) for n in range(3)),
            store.end_run(large),
            *(store.create_session(session(f"b{n}")) for n in range(3)),
            return_exceptions=True,
        )
        assert [type(one) for one in results if isinstance(one, BaseException)] == [StorageFull]
        assert await store.count_active_sessions() == 7
        assert (await store.session_stats(ADA)).total.runs == 0
        await store.end_run(replace(large, messages=[message("short", "assistant")]))
        assert (await store.get_run(ADA, begun.id)).status == "completed"


async def until_refused(store: SqliteStore) -> None:
    for number in range(1000):
        await store.add_messages(ADA, "s", [message(f"{number} " + "x" * 5000)])


async def limit(store: SqliteStore, pages: int) -> None:
    def limited(desk: Desk, most: int) -> None:
        desk.cur.execute(f"PRAGMA max_page_count = {most:d}").fetchall()

    await store.writer.do(limited, pages)


async def test_figures_tell_of_changes_that_were_not_kept_and_of_a_lack_of_room(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        with pytest.raises(NotFound):  # a mistake of the caller's is no failure
            await store.add_messages(ADA, "unknown", [message()])
        before = store.figures()
        assert (before.commits, before.failures, before.full) == (before.within[-1][1], 0, False)
        assert before.changes >= 1
        assert before.seconds > 0
        assert before.size >= (tmp_path / "gateway.db").stat().st_size > 0
        await limit(store, 1)  # less than there are already: SQLite keeps those, and adds none
        with pytest.raises(StorageFull):
            await until_refused(store)
        full = store.figures()
        assert (full.failures, full.full) == (1, True)
        await limit(store, 1 << 30)
        await store.create_session(session("again"))
        after = store.figures()
        assert (after.failures, after.full) == (1, False)
        assert [count for _, count in after.within] == sorted(count for _, count in after.within)
        assert after.commits > before.commits


async def test_a_database_that_became_read_only_is_unavailable(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        store.writer._connection.execute("PRAGMA query_only = 1")
        results = await asyncio.gather(
            *(store.create_session(session(str(n))) for n in range(3)), return_exceptions=True
        )
        assert [(type(one), getattr(one, "status", 0)) for one in results] == [
            (Unavailable, 503)
        ] * 3
        assert (await store.get_session(ADA, "s")).id == "s"
        store.writer._connection.execute("PRAGMA query_only = 0")
        await store.create_session(session("again"))


async def test_a_file_that_may_not_be_written_stops_the_start(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root; the small disk above is read-only as well")
    async with open_store(tmp_path):
        pass
    tmp_path.chmod(0o500)
    (tmp_path / "gateway.db").chmod(0o400)
    with pytest.raises(PluginError, match="GATEWAY_DATA_DIR"):
        async with open_store(tmp_path):
            pytest.fail("it was opened")


async def test_a_database_that_another_program_holds_is_busy_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_sqlite.opening.BUSY_SECONDS", 0.05)
    assert readers.BUSY_SECONDS > 1
    async with open_store(tmp_path) as store:
        with closing(for_writing(tmp_path / "gateway.db", "full")) as other:
            other.execute("BEGIN IMMEDIATE")
            results = await asyncio.gather(
                *(store.create_session(session(str(n))) for n in range(5)), return_exceptions=True
            )
            assert {type(one) for one in results} == {Unavailable}
            assert {getattr(one, "retry_after", 0) for one in results} == {1}
            other.execute("COMMIT")
        await store.create_session(session("0"))
        assert await store.count_active_sessions() == 1


async def test_a_database_that_is_damaged_while_it_is_used_says_what_to_do(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        for number in range(300):
            await store.create_session(session(str(number), title="t" * 5000))
    damage = (
        "import sys; file = open(sys.argv[1], 'r+b'); size = file.seek(0, 2);"
        "file.seek(size // 2); file.write(b'\\xaa' * (size - size // 2))"
    )
    # Elsewhere: a process that closes the file lets go of all its locks on it.
    subprocess.run([sys.executable, "-c", damage, tmp_path / "gateway.db"], check=True)
    async with open_store(tmp_path) as store:
        for call in (store.get_session(ADA, "1"), store.create_session(session("new"))):
            with pytest.raises(Unavailable, match=r"damaged .* `claude-gateway restore FILE`"):
                await call


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StorageFull),
        (sqlite3.SQLITE_IOERR_WRITE, Unavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, Unavailable),
        (sqlite3.SQLITE_READONLY_DBMOVED, Unavailable),
        (sqlite3.SQLITE_CANTOPEN, Unavailable),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Unavailable),
        (sqlite3.SQLITE_CORRUPT_INDEX, Unavailable),
    ],
)
def test_every_way_to_fail_has_its_status(code: int, kind: type[GatewayError]) -> None:
    failure = sqlite3.OperationalError("said by SQLite")
    failure.sqlite_errorcode = code
    assert type(translated(failure)) is kind
