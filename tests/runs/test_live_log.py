"""The log of a live run."""

from __future__ import annotations

import asyncio

from claude_gateway.dialects.numbering import numbered
from claude_gateway.runs import live_log as module
from claude_gateway.runs.live_log import LiveLog


def frame(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


def add(log: LiveLog, frames: bytes) -> None:
    log.add(*numbered(frames, log.last + 1))


def test_readers_get_what_follows_the_frame_they_saw() -> None:
    log = LiveLog()
    add(log, frame("a") + frame("b"))
    add(log, frame("c"))
    assert log.last == 3
    assert log.after(0) == b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n"
    assert log.after(1) == b"id: 2\ndata: b\n\nid: 3\ndata: c\n\n"
    assert log.after(2) == b"id: 3\ndata: c\n\n"
    assert log.after(3) == log.after(99) == b""


def test_the_last_frames_are_numbered_before_anybody_sees_them() -> None:
    log = LiveLog()
    add(log, frame("a"))
    staged = log.stage(frame("end"))
    assert staged == (1, 2, b"id: 1\ndata: a\n\nid: 2\ndata: end\n\n")
    assert log.after(1) == b""
    log.close()
    assert log.after(1) == b"id: 2\ndata: end\n\n"


def test_staging_again_replaces_what_was_staged() -> None:
    log = LiveLog()
    log.stage(frame("fine"))
    assert log.stage(frame("full")) == (1, 1, b"id: 1\ndata: full\n\n")
    log.close()
    assert log.after(0) == b"id: 1\ndata: full\n\n"


def test_only_what_is_not_stored_is_fresh() -> None:
    log = LiveLog()
    assert log.fresh() is None
    add(log, frame("a") + frame("b"))
    log.safe(2)
    assert log.fresh() is None
    add(log, frame("c"))
    assert log.fresh() == (3, 3, b"id: 3\ndata: c\n\n")


def test_t31_what_is_stored_leaves_memory_and_late_readers_are_sent_to_the_store() -> None:
    log = LiveLog()
    big = frame("x" * 1000)
    for _ in range(2000):
        add(log, big)
        log.safe(log.last)
    assert log.size <= module.ROOM + len(big) + 20
    assert log.after(0) is None
    assert log.after(log.last - 1) == b"id: 2000\n" + big


async def test_everybody_who_waits_is_woken() -> None:
    log = LiveLog()
    waiting = [asyncio.create_task(log.more()) for _ in range(3)]
    await asyncio.sleep(0)
    add(log, frame("a"))
    await asyncio.gather(*waiting)
    one_leaves, stays = asyncio.create_task(log.more()), asyncio.create_task(log.more())
    await asyncio.sleep(0)
    one_leaves.cancel()
    await asyncio.sleep(0)
    log.close()
    await stays
    await log.more()  # nothing will come: no reason to wait


async def test_t24_whoever_leaves_while_being_woken_has_left() -> None:
    log = LiveLog()
    leaving, staying = asyncio.create_task(log.more()), asyncio.create_task(log.more())
    await asyncio.sleep(0)
    add(log, frame("a"))
    leaving.cancel()
    await asyncio.wait({leaving, staying})
    assert leaving.cancelled()
    assert staying.exception() is None
