"""kill -9 at any moment: what was promised is there, and nothing is there by half."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import Page
from claude_gateway.testing.stores.samples import ADA

if TYPE_CHECKING:
    from tests.conftest import Talkers

KILLS, LIVELY = 10, 400
ALL = Page(1_000_000)


@pytest.mark.timeout(180)
async def test_whatever_was_promised_survives_kills_at_any_moment(
    tmp_path: Path, talkers: Talkers
) -> None:
    promised: list[list[str]] = []
    for seed in range(KILLS):
        process = talkers.start(tmp_path)
        promised += talkers.heard(process, random.Random(seed).randrange(1, LIVELY))
        promised += talkers.kill(process)
    assert_sound(tmp_path / "gateway.db")
    async with open_store(tmp_path) as store:
        await assert_kept(store, promised)
        await assert_nothing_by_half(store)


def assert_sound(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


async def assert_kept(store: SqliteStore, promised: list[list[str]]) -> None:
    words = {word: [line for line in promised if line[0] == word] for word in ("begun", "ended")}
    assert words["ended"], "no turn was over before the process was killed: make it live longer"
    runs = {run.id: run for run in (await store.list_runs(ADA, ALL)).items}
    assert {line[1] for line in words["begun"]} <= runs.keys()
    for line in words["ended"]:
        assert runs[line[1]].status == "completed"
    last = {line[1]: int(line[2]) for line in promised if line[0] == "logged"}
    assert all(runs[id_].last_event >= number or runs[id_].over for id_, number in last.items())
    for id_, number in random.Random(0).sample(sorted(last.items()), 20):
        events = await store.read_events(ADA, id_)
        assert [event.first for event in events][: number // 3] == [1, 4, 7][: number // 3]


async def assert_nothing_by_half(store: SqliteStore) -> None:
    runs = (await store.list_runs(ADA, ALL)).items
    over = {run.id for run in runs if run.over}
    said: dict[str, list[str]] = {}
    for name in {run.session_id for run in runs}:
        session, messages = await store.history(ADA, name or "")
        assert [message.number for message in messages] == list(range(1, len(messages) + 1))
        assert session.message_count == session.last_number == len(messages)
        for message in messages:
            said.setdefault(message.run_id or "", []).append(message.role)
    assert said == {run.id: ["user", "assistant"] if run.id in over else ["user"] for run in runs}
    assert (await store.session_stats(ADA)).total.runs == len(over)
    assert {run.id for run in await store.orphaned_runs()} == {run.id for run in runs} - over
    assert store.instance not in {run.instance for run in runs}
