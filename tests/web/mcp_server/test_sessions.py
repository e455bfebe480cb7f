"""Sessions of /mcp: whose they are, how many there may be, and how long."""

from __future__ import annotations

import asyncio

import pytest

from claude_gateway.errors import RateLimited
from claude_gateway.web.mcp_server.sessions import McpSession, Sessions


def idle_since(session: McpSession, seconds: float) -> None:
    session.used -= seconds


def test_s8_a_session_is_its_owners_and_cannot_be_guessed() -> None:
    sessions = Sessions()
    one, two = sessions.begin("ada", "v"), sessions.begin("ada", "v")
    assert one.id != two.id
    assert len(one.id) == 32
    assert sessions.find("ada", one.id) is one
    assert sessions.find("eve", one.id) is None
    assert sessions.find("ada", "") is None


def test_s18_the_one_that_was_used_longest_ago_makes_room() -> None:
    sessions = Sessions(most=2)
    old, new, other = (
        sessions.begin("ada", "v"),
        sessions.begin("ada", "v"),
        sessions.begin("eve", "v"),
    )
    idle_since(new, 10)
    idle_since(old, 20)
    sessions.find("ada", old.id)
    third = sessions.begin("ada", "v")
    assert sessions.find("ada", new.id) is None
    assert [sessions.find("ada", s.id) for s in (old, third)] == [old, third]
    assert sessions.find("eve", other.id) is other


def test_s18_there_is_an_end_to_all_sessions_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claude_gateway.web.mcp_server.sessions.MOST", 50)
    sessions = Sessions()
    for number in range(200):
        sessions.begin(f"key-{number}", "v")
    assert len(sessions) == 50


def test_what_nobody_uses_is_forgotten() -> None:
    sessions = Sessions(idle=60)
    one, two = sessions.begin("ada", "v"), sessions.begin("ada", "v")
    idle_since(one, 61)
    idle_since(two, 59)
    assert sessions.find("ada", one.id) is None
    assert sessions.find("ada", two.id) is two
    idle_since(two, 61)
    sessions.begin("eve", "v")
    assert len(sessions) == 1


async def test_what_is_at_work_is_neither_forgotten_nor_makes_room() -> None:
    sessions = Sessions(most=2, idle=60)
    calling, listening = sessions.begin("ada", "v"), sessions.begin("ada", "v")
    call = asyncio.ensure_future(asyncio.Event().wait())
    calling.calls[1] = call
    ended = listening.listener = asyncio.Event()
    for session in (calling, listening):
        idle_since(session, 3600)
    with pytest.raises(RateLimited, match="Too many of these"):
        sessions.begin("ada", "v")
    assert sessions.find("ada", calling.id) is calling
    assert sessions.find("ada", listening.id) is listening
    for session in (calling, listening):
        sessions.end(session)
    await asyncio.wait({call})
    assert call.cancelled()
    assert ended.is_set()
    assert len(sessions) == 0


async def test_only_a_request_that_is_being_worked_at_can_be_cancelled() -> None:
    session = Sessions().begin("ada", "v")
    call = asyncio.ensure_future(asyncio.Event().wait())
    session.calls["1"] = call
    others: tuple[object, ...] = (1, "2", None, {}, [])
    for other in others:
        session.cancel(other)
    await asyncio.sleep(0)
    assert not call.cancelled()
    session.cancel("1")
    await asyncio.wait({call})
    assert call.cancelled()


def test_s18_streams_without_a_session_are_counted_as_well() -> None:
    sessions = Sessions(most=2)
    with sessions.listening("ada"), sessions.listening("eve"):
        with sessions.listening("ada"), pytest.raises(RateLimited), sessions.listening("ada"):
            pass
        with sessions.listening("ada"):
            pass
