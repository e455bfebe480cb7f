"""Copies: of a database in use, checked, brought back."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_gateway_sqlite import plugin
from claude_gateway_sqlite.commands import DATABASE
from claude_gateway_sqlite.store import open_store
from click.testing import CliRunner, Result

from claude_gateway import GATEWAY_DATA_DIR, PluginError, Settings
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.stores.samples import ADA, ALL, EVERY, ids, session, turn

if TYPE_CHECKING:
    from tests.conftest import Talkers


def command(name: str, folder: Path, *arguments: object) -> Result:
    """Run one of the plugin's commands as the gateway's own command does."""
    commands = {made.name: made for made in plugin.register_commands()}
    settings = Settings.read({"GATEWAY_DATA_DIR": str(folder)}, [GATEWAY_DATA_DIR])
    words = [str(word) for word in arguments]
    return CliRunner().invoke(commands[name], words, obj=lambda: settings)


def refused(result: Result, why: str) -> None:
    assert isinstance(result.exception, PluginError), result.output
    assert why in str(result.exception)


async def filled(folder: Path, *names: str) -> None:
    async with open_store(folder) as store:
        for name in names:
            await turn(store, f"run_{name}", name)


async def names(folder: Path) -> set[str]:
    async with open_store(folder) as store:
        return set(ids((await store.list_sessions(ADA, ALL, EVERY)).items))


def spoil(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute(statement)
        db.commit()


async def test_a_copy_is_made_checked_and_brought_back(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    await filled(data, "one", "two")
    made = await asyncio.to_thread(command, "backup", data, copy)
    assert made.exit_code == 0, made.output
    assert "0 projects, 2 sessions, 4 messages; all checked" in made.output
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    assert (await asyncio.to_thread(command, "backup", data, "--verify", copy)).exit_code == 0

    await filled(data, "three")
    back = await asyncio.to_thread(command, "restore", data, copy)
    assert back.exit_code == 0, back.output
    assert await names(data) == {"one", "two"}
    (kept,) = data.glob("gateway.db.replaced-*")
    assert str(kept) in back.output
    again = await asyncio.to_thread(command, "restore", data, kept)
    assert again.exit_code == 0, again.output
    assert await names(data) == {"one", "two", "three"}
    assert len(list(data.glob("gateway.db.replaced-*"))) == 2
    with closing(sqlite3.connect(data / "gateway.db")) as db:
        assert db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'copied'").fetchall() == []


async def test_a_copy_can_be_brought_back_to_an_empty_machine(tmp_path: Path) -> None:
    await filled(tmp_path / "data", "one")
    await asyncio.to_thread(command, "backup", tmp_path / "data", tmp_path / "copy.db")
    new = tmp_path / "new" / "data"
    back = await asyncio.to_thread(command, "restore", new, tmp_path / "copy.db")
    assert back.exit_code == 0, back.output
    assert await names(new) == {"one"}
    assert stat.S_IMODE((new / "gateway.db").stat().st_mode) == 0o600


def test_a_copy_is_whole_while_a_process_writes_as_fast_as_it_can(
    tmp_path: Path, talkers: Talkers
) -> None:
    process = talkers.start(tmp_path)
    promised = talkers.heard(process, 200)
    copies = []
    for number in range(3):
        made = command("backup", tmp_path, tmp_path / f"{number}.db")
        assert made.exit_code == 0, made.exception
        copies.append(promised)
        promised = [*promised, *talkers.heard(process, 50)]
    talkers.kill(process)
    for number, before in enumerate(copies):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as db:
            runs = {row[0] for row in db.execute("SELECT id FROM runs")}
            assert {line[1] for line in before if line[0] == "begun"} <= runs
            over = "SELECT count(*) FROM runs WHERE ended_at IS NOT NULL"
            assert (
                db.execute(over).fetchone() == db.execute("SELECT count(*) FROM ledger").fetchone()
            )


def test_a_file_that_is_there_is_only_replaced_when_told_to(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path, "one"))
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    refused(command("backup", tmp_path, copy), "is there already; --force replaces it")
    assert copy.read_text() == "precious"
    assert command("backup", tmp_path, "--force", copy).exit_code == 0
    assert command("backup", tmp_path, "--verify", copy).exit_code == 0


def test_a_copy_is_never_written_over_the_database_itself(tmp_path: Path) -> None:
    asyncio.run(filled(tmp_path, "one"))
    link, other = tmp_path / "link.db", tmp_path / "other.db"
    link.symlink_to(DATABASE)
    other.hardlink_to(tmp_path / DATABASE)
    before = (tmp_path / DATABASE).read_bytes()
    parts = [tmp_path / f"{DATABASE}{end}" for end in ("", "-wal", "-shm", "-journal")]
    for target in (*parts, link, other, tmp_path / "new" / ".." / DATABASE):
        refused(command("backup", tmp_path, "--force", target), "is the database itself")
    assert (tmp_path / DATABASE).read_bytes() == before


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    refused(command("backup", tmp_path / "empty", tmp_path / "copy.db"), "there is no database")
    asyncio.run(filled(tmp_path, "one"))
    nowhere = command("backup", tmp_path, tmp_path / "no" / "such" / "folder.db")
    refused(nowhere, "cannot be written")


def cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def write_a_diary(file: Path) -> None:
    file.write_text("Dear diary, " * 100)


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "lost a row": (lambda file: spoil(file, "DELETE FROM messages"), "messages has 0 rows"),
    "lost a parent": (lambda file: spoil(file, "DELETE FROM session_texts"), "session_texts"),
    "loose": (lambda file: spoil(file, "UPDATE messages SET session = 99"), "belong to nothing"),
    "cut": (cut, ""),
    "no database": (write_a_diary, "is no good copy"),
    "newer": (lambda file: spoil(file, "PRAGMA user_version = 99"), "newer version"),
    "foreign": (lambda file: spoil(file, "PRAGMA application_id = 1"), "not a database of this"),
    "gone": (lambda file: file.unlink(), "there is no file"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_bad_copy_is_found_out_and_never_brought_back(tmp_path: Path, how: str) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    asyncio.run(filled(data, "one"))
    assert command("backup", data, copy).exit_code == 0
    spoiling, why = SPOILED[how]
    spoiling(copy)
    before = (data / "gateway.db").read_bytes()
    refused(command("backup", data, "--verify", copy), why)
    refused(command("restore", data, copy), why)
    assert (data / "gateway.db").read_bytes() == before
    assert sorted(path.name for path in data.iterdir()) == ["gateway.db", "instances"]


async def test_nothing_is_brought_back_while_a_gateway_runs(tmp_path: Path) -> None:
    await filled(tmp_path / "other", "one")
    await asyncio.to_thread(command, "backup", tmp_path / "other", tmp_path / "copy.db")
    async with GatewayProcess() as gateway:
        data = gateway.folder / "data"
        made = await asyncio.to_thread(command, "backup", data, tmp_path / "running.db")
        assert made.exit_code == 0, made.exception
        result = await asyncio.to_thread(command, "restore", data, tmp_path / "copy.db")
        refused(result, "is in use; stop the gateway first")
        await gateway.stop()
        back = await asyncio.to_thread(command, "restore", data, tmp_path / "copy.db")
        assert back.exit_code == 0, back.exception
        assert await names(data) == {"one"}


def test_a_log_of_the_replaced_database_does_not_get_into_the_restored_one(
    tmp_path: Path, talkers: Talkers
) -> None:
    asyncio.run(filled(tmp_path / "other", "one"))
    copy = tmp_path / "copy.db"
    assert command("backup", tmp_path / "other", copy).exit_code == 0
    data = tmp_path / "data"
    process = talkers.start(data)
    promised = talkers.heard(process, 100)
    talkers.kill(process)
    assert (data / "gateway.db-wal").stat().st_size > 0
    assert command("restore", data, copy).exit_code == 0
    assert asyncio.run(names(data)) == {"one"}
    (kept,) = [path for path in data.glob("gateway.db.replaced-*") if "wal" not in path.name]
    assert command("restore", data, kept).exit_code == 0
    assert {line[2] for line in promised if line[0] == "begun"} <= asyncio.run(names(data))


async def test_the_command_line_knows_both_commands(tmp_path: Path) -> None:
    await filled(tmp_path, "one")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "claude_gateway", "backup", "copy.db"),
        cwd=tmp_path,
        env={"GATEWAY_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    assert b"copy.db: 0 projects, 1 sessions, 2 messages; all checked." in said
    assert session("one").id in await names(tmp_path)
