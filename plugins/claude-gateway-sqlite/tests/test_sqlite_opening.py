"""Opening: whose file it is, which version it has, and what is said when it cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from claude_gateway_sqlite import opening
from claude_gateway_sqlite.instances import alone
from claude_gateway_sqlite.opening import migrate, prepared, private
from claude_gateway_sqlite.schema import APPLICATION, MIGRATIONS, statements
from claude_gateway_sqlite.store import open_store

from claude_gateway import PluginError
from claude_gateway.testing.stores.samples import ADA, session

# What the next version could look like: a column, filled from what was there.
NOW, NEXT = len(MIGRATIONS), len(MIGRATIONS) + 1
LATER = f"""
ALTER TABLE sessions ADD COLUMN shouted TEXT;
UPDATE sessions SET shouted = upper(title);
PRAGMA user_version = {NEXT};
"""
A_SESSION = """
INSERT INTO sessions(owner, id, project_id, model, title, status, created_at, updated_at)
VALUES('ada', 's', 'default', 'm', 'kept', 'active', 1.0, 1.0)
"""
BROKEN = f"""
ALTER TABLE sessions ADD COLUMN shouted TEXT;
UPDATE no_such_table SET x = 1;
PRAGMA user_version = {NEXT};
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def asked(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as db:
        return db.execute(statement).fetchall()


async def with_a_session(folder: Path) -> Path:
    async with open_store(folder) as store:
        await store.create_session(session(title="kept"))
    return folder / "gateway.db"


async def test_the_database_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with open_store(tmp_path / "made" / "data") as store:
            await store.create_session(session())
            files = list((tmp_path / "made" / "data").iterdir())
            assert {file.name for file in files} >= {"gateway.db", "gateway.db-wal", "instances"}
            assert {mode(file) for file in files if file.is_file()} == {0o600}
        assert mode(tmp_path / "made" / "data") == 0o700
    finally:
        os.umask(before)


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = await with_a_session(tmp_path)
    file.chmod(0o644)
    await with_a_session_there(tmp_path)
    assert mode(file) == 0o600


async def with_a_session_there(folder: Path) -> None:
    async with open_store(folder) as store:
        assert (await store.get_session(ADA, "s")).title == "kept"


async def test_a_write_waits_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    for synchronous, level in (("answers", 2), ("full", 2), ("normal", 1)):
        private(tmp_path / synchronous / "gateway.db")
        async with prepared(tmp_path / synchronous / "gateway.db"):
            pass
        with closing(opening.for_writing(tmp_path / synchronous / "gateway.db", synchronous)) as db:  # type: ignore[arg-type]
            pragmas = ("synchronous", "foreign_keys", "journal_mode")
            values = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
            assert values == [level, 0, "wal"]


# --- versions


def test_every_step_says_its_number_and_whose_file_it_is() -> None:
    for number, script in enumerate(MIGRATIONS, 1):
        assert f"PRAGMA user_version = {number}" in statements(script)[-1]
    assert f"PRAGMA application_id = {APPLICATION}" in MIGRATIONS[0]


def test_every_table_is_strict() -> None:
    lines = [line for script in MIGRATIONS for line in statements(script)]
    tables = [line for line in lines if line.startswith("CREATE TABLE")]
    assert len(tables) > 10
    assert [table for table in tables if "STRICT" not in table.splitlines()[-1]] == []


async def test_an_earlier_version_is_copied_and_brought_up_to_date(tmp_path: Path) -> None:
    file = await with_a_session(tmp_path)
    await migrate(file, (*MIGRATIONS, LATER))
    assert asked(file, "SELECT shouted FROM sessions") == [("KEPT",)]
    assert asked(file, "PRAGMA user_version") == [(NEXT,)]
    copy = tmp_path / f"gateway.db.before-v{NEXT}"
    assert asked(copy, "SELECT title FROM sessions") == [("kept",)]
    assert asked(copy, "PRAGMA user_version") == [(NOW,)]
    assert mode(copy) == 0o600
    await migrate(file, (*MIGRATIONS, LATER))
    assert sorted(path.name for path in tmp_path.glob("*before*")) == [f"gateway.db.before-v{NEXT}"]


async def test_every_earlier_version_opens_with_what_was_in_it(tmp_path: Path) -> None:
    for version in range(1, NOW):
        file = tmp_path / str(version) / "gateway.db"
        private(file)
        await migrate(file, MIGRATIONS[:version])
        with closing(sqlite3.connect(file)) as db:
            db.execute(A_SESSION)
            db.execute("INSERT INTO session_texts(session) VALUES(1)")
            db.commit()
        await with_a_session_there(file.parent)
        assert asked(file, "PRAGMA user_version") == [(NOW,)]


async def test_a_new_database_is_made_in_all_its_steps_without_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    private(file)
    await migrate(file, (*MIGRATIONS, LATER))
    assert asked(file, "PRAGMA user_version") == [(NEXT,)]
    assert asked(file, "SELECT shouted FROM sessions") == []
    assert [path.name for path in tmp_path.glob("*before*")] == []


async def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    file = await with_a_session(tmp_path)
    with pytest.raises(PluginError):
        async with prepared(file, (*MIGRATIONS, BROKEN)):
            pytest.fail("it was opened")
    assert asked(file, "PRAGMA user_version") == [(NOW,)]
    await with_a_session_there(tmp_path)
    await migrate(file, (*MIGRATIONS, LATER))  # and once it is mended, it goes on from there
    assert asked(file, "SELECT shouted FROM sessions") == [("KEPT",)]


async def test_a_process_that_dies_while_it_migrates_leaves_a_database_that_works(
    tmp_path: Path,
) -> None:
    file = await with_a_session(tmp_path)
    code = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from claude_gateway_sqlite import opening\n"
        "from claude_gateway_sqlite.schema import MIGRATIONS\n"
        "taken = opening.statements\n"
        "def dying(script):\n"
        "    yield taken(script)[0]\n"
        "    os.kill(os.getpid(), 9)\n"
        "opening.statements = dying\n"
        f"asyncio.run(opening.migrate(Path(sys.argv[1]), (*MIGRATIONS, {LATER!r})))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(file))
    assert await process.wait() == -9
    assert asked(tmp_path / f"gateway.db.before-v{NEXT}", "SELECT title FROM sessions") == [
        ("kept",)
    ]
    await with_a_session_there(tmp_path)
    await migrate(file, (*MIGRATIONS, LATER))
    assert asked(file, "SELECT shouted FROM sessions") == [("KEPT",)]


async def test_processes_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    async def one(number: int) -> None:
        async with open_store(tmp_path) as store:
            await store.create_session(session(str(number)))

    await asyncio.gather(*(one(number) for number in range(8)))
    async with open_store(tmp_path) as store:
        assert await store.count_active_sessions() == 8


# --- files that cannot be used


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")


def of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE theirs(x)")


def no_database(file: Path) -> None:
    file.write_bytes(b"This is a diary.\n" * 1000)


def cut_off(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(4096)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (newer, f"was written by a newer version .*format is 99, this version knows {NOW}"),
        (of_another_program, "is not a database of this gateway; choose another folder"),
        (no_database, "is damaged .*claude-gateway restore FILE"),
        (cut_off, "is damaged .*claude-gateway restore FILE"),
    ],
    ids=lambda thing: getattr(thing, "__name__", ""),
)
async def test_a_file_that_cannot_be_used_is_said_to_be_so_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    file = await with_a_session(tmp_path)
    spoil(file)
    before = file.read_bytes()
    with pytest.raises(PluginError, match=why) as refusal:
        async with open_store(tmp_path):
            pytest.fail("it was opened")
    assert str(file) in str(refusal.value)
    assert file.read_bytes() == before


async def test_a_folder_that_is_a_file_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PluginError, match="cannot be made"):
        async with open_store(tmp_path / "file"):
            pytest.fail("it was opened")


async def test_nobody_opens_it_while_a_backup_is_brought_back(tmp_path: Path) -> None:
    with alone(tmp_path) as nobody:
        assert nobody
        with pytest.raises(PluginError, match="a backup is being brought back"):
            async with open_store(tmp_path):
                pytest.fail("it was opened")
    async with open_store(tmp_path):
        with alone(tmp_path) as nobody:
            assert not nobody
