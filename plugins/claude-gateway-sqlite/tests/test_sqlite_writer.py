"""Whatever waits together is written together, and only the guilty one fails."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.store import open_store

from claude_gateway import Conflict, InternalError, InvalidRequest, NotFound, Unavailable
from claude_gateway.testing.stores.samples import ADA, chunk, ended, message, session, starting


async def test_a_hundred_turns_at_once_share_their_waits_for_the_disk(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        begun = await asyncio.gather(
            *(store.begin_turn(starting(f"run_{n}", ADA, f"s{n}")) for n in range(100))
        )
        await asyncio.gather(*(store.append_events([chunk(run.id, 1, 2)]) for run in begun))
        await asyncio.gather(*(store.end_run(ended(run)) for run in begun))
        assert store.writer.figures.changes == 300
        assert (
            store.writer.figures.commits <= 30
        )  # the first of a hundred goes alone, the others together


async def test_a_lone_change_waits_for_nobody(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        for number in range(5):
            await store.create_session(session(str(number)))
        assert store.writer.figures.commits == 5


async def test_a_refusal_that_changed_nothing_costs_the_others_nothing(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create_session(session())
        commits = store.writer.figures.commits
        late = replace(starting("late"), new_session=False, expected=7)
        calls = [*(store.begin_turn(late) for _ in range(50)), store.create_session(session("t"))]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results[:50]] == [Conflict] * 50
        assert (await store.get_session(ADA, "t")).id == "t"
        assert store.writer.figures.commits - commits <= 3


async def test_a_change_that_breaks_halfway_takes_nobody_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(desk: Desk, name: str) -> None:
        desk.cur.execute("UPDATE sessions SET title = ? WHERE owner = ?", (name, ADA))
        raise RuntimeError("a defect")

    async with open_store(tmp_path) as store:
        await store.create_session(session("first"))
        calls = [
            *(store.create_session(session(f"a{n}")) for n in range(10)),
            store.writer.do(broken, "spoiled"),
            *(store.create_session(session(f"b{n}")) for n in range(10)),
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [n for n, one in enumerate(results) if isinstance(one, BaseException)] == [10]
        assert isinstance(results[10], InternalError)
        assert "a defect" not in results[10].message
        assert (await store.get_session(ADA, "first")).title == ""
        assert await store.count_active_sessions() == 21
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    "wrong",
    [session("\ud800"), session(title="half \udfff"), session(context_tokens=2**64)],
    ids=["id", "title", "number"],
)
async def test_what_sqlite_cannot_hold_is_the_callers_mistake(
    tmp_path: Path, wrong: object
) -> None:
    async with open_store(tmp_path) as store:
        with pytest.raises(InvalidRequest):
            await store.create_session(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest):
            await store.get_session(ADA, "\ud800")
        assert await store.count_active_sessions() == 0


async def test_a_change_is_made_even_when_nobody_waits_any_more(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        leaving = asyncio.ensure_future(store.create_session(session("left")))
        await asyncio.sleep(0)
        leaving.cancel()
        await store.create_session(session("stayed"))
        assert (await store.get_session(ADA, "left")).id == "left"


async def test_whatever_waits_when_the_store_closes_is_still_written(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        waiting = [
            asyncio.ensure_future(store.create_session(session(str(n)))) for n in range(1000)
        ]
        await asyncio.sleep(0)
    assert len(await asyncio.gather(*waiting)) == 1000
    with pytest.raises(Unavailable):
        await store.create_session(session("late"))
    async with open_store(tmp_path) as store:
        assert await store.count_active_sessions() == 1000


class Heavy(dict[str, object]):
    """Metadata of which somebody watches whether they are still held."""


async def test_what_callers_sent_is_not_held_after_it_was_written_or_refused(
    tmp_path: Path,
) -> None:
    gc.collect()
    gc.disable()  # so that a cycle would show
    try:
        async with open_store(tmp_path) as store:
            await store.create_session(session())
            watched = []
            for session_id in ("s", "none", "s"):
                heavy = Heavy(of="much weight")
                watched.append(weakref.ref(heavy))
                sent = [replace(message(), metadata=heavy)]
                if session_id == "s":
                    await store.add_messages(ADA, session_id, sent)
                else:
                    with pytest.raises(NotFound):
                        await store.add_messages(ADA, session_id, sent)
                del heavy, sent
            await store.create_session(session("next"))
            assert [reference() for reference in watched] == [None] * 3
    finally:
        gc.enable()
