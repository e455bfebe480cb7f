"""What is new comes into the index with as little work as it can."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from claude_gateway_sqlite import turns
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.opening import for_writing, migrate, private
from claude_gateway_sqlite.search import index_some

from claude_gateway.testing.stores.samples import ADA, session, starting

SEGMENTS = "SELECT count(DISTINCT segid) FROM search_idx"
FOUND = "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid"


async def test_what_is_indexed_together_is_one_piece_of_the_index(tmp_path: Path) -> None:
    private(file := tmp_path / "gateway.db")
    await migrate(file)
    with closing(for_writing(file, "normal")) as connection:
        desk = Desk(connection)
        desk.begin()
        for n in range(20):
            titled = session(f"s{n}", title=f"title {n}")
            turns.begin(desk, starting(f"run_{n}", ADA, f"s{n}", "some words", session=titled))
        assert not index_some(desk)
        desk.commit()
        assert connection.execute(SEGMENTS).fetchone() == (1,)
        assert len(connection.execute(FOUND, ("words",)).fetchall()) == 20
        assert len(connection.execute(FOUND, ("title",)).fetchall()) == 20
