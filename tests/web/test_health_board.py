"""The board shows the latest look of every check, and never makes anybody wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from claude_gateway import Health
from claude_gateway.web.health_board import ALWAYS, HealthBoard


class Check:
    """Answers with what `look` says, and counts."""

    def __init__(self, look: Callable[[], Awaitable[Health]]) -> None:
        self.look = look
        self.looks = 0
        self.looked = asyncio.Event()

    async def check(self) -> Health:
        self.looks += 1
        try:
            return await self.look()
        finally:
            asyncio.get_running_loop().call_soon(self.looked.set)


def saying(ok: bool, detail: str = "") -> Check:
    async def look() -> Health:
        return Health(ok, detail)

    return Check(look)


def failing(error: Exception) -> Check:
    async def look() -> Health:
        raise error

    return Check(look)


def hanging() -> Check:
    async def look() -> Health:
        await asyncio.Event().wait()
        raise AssertionError

    return Check(look)


async def after_a_look(board: HealthBoard, check: Check) -> dict[str, object]:
    """The details, once `check` has been looked at."""
    async with board.watching(), asyncio.timeout(2):
        await check.looked.wait()
        await asyncio.sleep(0)
        return board.details()


def test_what_always_stands_there_is_good_until_somebody_says_otherwise() -> None:
    board = HealthBoard({"printer": saying(False)})
    assert board.summary() == dict.fromkeys([*ALWAYS, "printer"], True)
    assert board.details()["printer"] == {
        "ok": True,
        "detail": "not looked at yet",
        "age_seconds": None,
    }
    assert board.details()["database"] == {
        "ok": True,
        "detail": "not configured",
        "age_seconds": None,
    }


@pytest.mark.parametrize("ok", [True, False])
async def test_a_look_is_shown_with_its_reason(ok: bool) -> None:
    check = saying(ok, "12 MB free")
    board = HealthBoard({"disk_space": check})
    details = await after_a_look(board, check)
    assert details["disk_space"] == {"ok": ok, "detail": "12 MB free", "age_seconds": 0.0}
    assert board.summary()["disk_space"] is ok


async def test_a_check_that_fails_is_bad_and_what_it_raised_stays_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    check = failing(RuntimeError("password CANARY"))
    details = await after_a_look(HealthBoard({"x": check}), check)
    assert "the log says why" in str(details["x"])
    assert "CANARY" not in str(details)
    assert caplog.messages == ["a health check failed"]


async def test_a_check_that_hangs_is_bad_after_a_while_and_delays_no_other() -> None:
    slow, quick = hanging(), saying(True, "fine")
    board = HealthBoard({"slow": slow, "quick": quick}, patience=0.02)
    async with board.watching(), asyncio.timeout(2):
        await quick.looked.wait()
        await asyncio.sleep(0)
        assert "fine" in str(board.details()["quick"])
        assert board.summary()["slow"] is True  # nobody knows yet
        await slow.looked.wait()
        await asyncio.sleep(0)
        assert board.summary()["slow"] is False
        assert "no answer within 0.02 s" in str(board.details()["slow"])


async def test_a_timeout_of_the_check_itself_is_bad() -> None:
    check = failing(TimeoutError())
    details = await after_a_look(HealthBoard({"x": check}), check)
    assert "'ok': False" in str(details["x"])


class Stubborn:
    """Answers once, and then neither answers nor lets itself be interrupted, until released."""

    def __init__(self, *, first: bool) -> None:
        self.first = first
        self.released = asyncio.Event()

    async def check(self) -> Health:
        if self.first:
            self.first = False
            return Health(True, "fine")
        while not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()
        return Health(True, "fine again")


@pytest.mark.parametrize(("first", "last"), [(True, "fine"), (False, "not looked at yet")])
async def test_a_check_that_says_nothing_for_too_long_is_stale_until_it_speaks(
    first: bool, last: str
) -> None:
    check = Stubborn(first=first)
    board = HealthBoard({"x": check}, every=0.01, patience=0.01)
    async with board.watching(), asyncio.timeout(2):
        assert board.summary()["x"] is True
        while board.summary()["x"]:
            await asyncio.sleep(0.001)
        said = board.details()["x"]
        assert isinstance(said, dict)
        assert (said["ok"], said["stale"]) == (False, True)
        assert said["detail"] == f"stale; last said: {last}"
        assert "stale" not in str(board.details()["database"])
        check.released.set()
        while not board.summary()["x"]:
            await asyncio.sleep(0.001)
        assert "stale" not in str(board.details()["x"])


async def test_checks_are_repeated_until_the_board_is_left() -> None:
    check = saying(True)
    async with HealthBoard({"x": check}, every=0.001).watching(), asyncio.timeout(2):
        while check.looks < 3:
            await asyncio.sleep(0.001)
    looks = check.looks
    await asyncio.sleep(0.005)
    assert check.looks == looks


async def test_leaving_does_not_wait_for_a_check_that_hangs() -> None:
    check = hanging()
    async with asyncio.timeout(1), HealthBoard({"x": check}).watching():
        while not check.looks:
            await asyncio.sleep(0)


async def test_without_checks_there_is_nothing_to_watch() -> None:
    async with HealthBoard({}).watching():
        pass


async def test_what_is_known_at_once_is_asked_each_time() -> None:
    state = [Health(True, "closed")]
    board = HealthBoard({}, {"up_breaker": lambda: state[0]})
    assert board.summary()["up_breaker"]
    state[0] = Health(False, "open")
    assert not board.summary()["up_breaker"]
    assert board.details()["up_breaker"] == {"ok": False, "detail": "open", "age_seconds": 0.0}
