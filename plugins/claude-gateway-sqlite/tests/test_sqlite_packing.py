"""Frames come back as they were, whatever they are, and take little room."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from claude_gateway_sqlite.packing import MARK, WORTH, packed, unpacked
from claude_gateway_sqlite.store import open_store
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway import sse
from claude_gateway.testing.stores.samples import ADA, chunk, starting

FRAMES = b"".join(
    b"id: %d\n%b" % (n, sse.data({"choices": [{"index": 0, "delta": {"content": f"word {n}"}}]}))
    for n in range(1, 200)
)


@given(st.binary(max_size=3 * WORTH))
def test_bytes_come_back_as_they_were(frames: bytes) -> None:
    assert unpacked(packed(frames)) == frames


@pytest.mark.parametrize("frames", [b"", MARK, MARK * 2 * WORTH, b"id: 1\n", FRAMES])
def test_frames_come_back_as_they_were(frames: bytes) -> None:
    assert unpacked(packed(frames)) == frames


@pytest.mark.parametrize("window", range(-15, -8))
def test_what_was_packed_with_any_window_is_read(window: int) -> None:
    packing = zlib.compressobj(1, zlib.DEFLATED, window, 4)
    assert unpacked(MARK + packing.compress(FRAMES) + packing.flush()) == FRAMES


async def test_frames_take_a_fifth_of_their_room_and_are_read_as_they_were(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        begun = await store.begin_turn(starting())
        await store.append_events([chunk(begun.id, 1, 199, FRAMES)])
        (read,) = await store.read_events(ADA, begun.id)
        assert read.frames == FRAMES
        with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
            ((size,),) = connection.execute("SELECT length(frames) FROM events")
    assert size < len(FRAMES) / 5
