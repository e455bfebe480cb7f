"""What the writer remembers saves look-ups, and is never taken for more than that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from claude_gateway_sqlite import desk
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import Conflict, NotFound
from claude_gateway.testing.stores.samples import ADA, EVE, chunk, ended, session, starting


async def go_on(store: SqliteStore, id_: str, **fields: object) -> None:
    """Take a turn in the session as it is, but for some fields."""
    kept = await store.get_session(ADA, "s")
    wanted = replace(kept, **fields)  # type: ignore[arg-type]
    start = starting(id_, session=wanted, new_session=False, expected=kept.last_number)
    await store.end_run(ended(await store.begin_turn(start)))


async def test_what_another_process_changed_is_seen(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as two:
        await one.create_session(session(tools=b"[1]"))
        await go_on(one, "run_1")
        await go_on(one, "run_2")
        await two.update_session(ADA, "s", {"tools": b"[2]", "metadata": {"by": "two"}})
        await go_on(one, "run_3")
        assert (await one.get_session(ADA, "s")).tools == b"[2]"
        await go_on(one, "run_4", tools=b"[1]")
        kept = await two.get_session(ADA, "s")
        assert (kept.tools, kept.metadata, kept.last_number) == (b"[1]", {"by": "two"}, 8)


async def test_a_session_that_another_process_replaced_is_the_new_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as two:
        await one.create_session(session(title="old"))
        await go_on(one, "run_1")
        await two.delete_session(ADA, "s")
        with pytest.raises(NotFound):
            await one.begin_turn(starting("run_2", new_session=False, expected=2))
        await two.create_session(session(title="new"))
        await go_on(one, "run_3")
        assert (await two.get_session(ADA, "s")).title == "new"
        with pytest.raises(Conflict):
            await one.begin_turn(starting("run_4", new_session=False, expected=7))


async def test_a_run_that_another_process_began_goes_on_here(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as two:
        begun = await one.begin_turn(starting())
        await two.append_events([chunk("run_1", 1, 2)])
        await one.append_events([chunk("run_1", 3, 4)])
        await two.end_run(ended(begun))
        await one.end_run(ended(begun))
        assert [event.first for event in await one.read_events(ADA, "run_1")] == [1, 3]
        assert (await one.session_stats(ADA)).total.runs == 1
        assert len((await one.history(ADA, "s"))[1]) == 2


async def test_what_was_undone_is_not_remembered(tmp_path: Path) -> None:
    def halfway(writing: desk.Desk, _: None) -> None:
        writing.cur.execute("UPDATE sessions SET title = 'x' WHERE owner = ?", (ADA,))
        raise RuntimeError("a defect")

    async with open_store(tmp_path) as store:
        await store.create_session(session("other"))
        lost = [store.writer.do(halfway, None) for _ in range(2)]
        kept = store.writer.do(lambda writing, _: writing.last_run, None)
        for waiting in lost:
            with pytest.raises(Exception, match="log of the gateway"):
                await waiting
        assert await kept is None
        begun = await store.begin_turn(starting())
        eves = starting("run_2", EVE)
        await store.end_run(ended(await store.begin_turn(eves)))
        assert (await store.get_run(ADA, begun.id)).status == "running"
        assert (await store.get_run(EVE, "run_2")).status == "completed"


async def test_what_is_remembered_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_KNOWN", 5)
    monkeypatch.setattr(desk, "MOST_TEXT", 1000)
    async with open_store(tmp_path) as store:
        for number in range(12):
            name = f"s{number}"
            await store.create_session(session(name))
            for turn in range(2):
                start = starting(
                    f"run_{number}_{turn}", ADA, name, new_session=False, expected=turn * 2,
                    session=session(name, tools=b"t" * 300),
                )  # fmt: skip
                await store.end_run(ended(await store.begin_turn(start)))
        known = store.writer._desk
        assert len(known.refs) <= 5
        assert len(known._texts) <= 5
        assert known._size <= 1300
        assert known._size == sum(desk._length(texts) for texts in known._texts.values())
        assert known.live == {}
