"""Servers that are programs: how they start, fail, misbehave and end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_gateway_mcp.entries import Around, read_entry
from claude_gateway_mcp.fleet import Fleet
from claude_gateway_mcp.keepers import Limits
from claude_gateway_mcp.programs import GOODBYE

from claude_gateway import NotFound, Progress, ToolCall

if TYPE_CHECKING:
    from tests.conftest import Notes, Serve, Served, Tiny


async def pid_of(served: Served) -> int:
    return int(json.loads(await served.done("environment"))["PID"])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.005)


# --- calls


async def test_a_program_is_started_and_its_tools_are_called(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        assert (await served.names())[:2] == ["echo", "environment"]
        assert await served.done("echo", text="Grüße") == "Grüße"
        assert served.server.description == "tiny 1.0"
        assert served.server.transport == "stdio"


async def test_a_tool_that_there_is_not_is_not_found(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        with pytest.raises(NotFound):
            await served.run("unheard-of")


async def test_progress_is_told(serve: Serve, tiny: Tiny) -> None:
    heard: list[Progress] = []
    async with serve(tiny()) as served:
        await served.server.call("progress", ToolCall({}, "ada", progress=heard.append))
    assert heard == [Progress(1, 2, "step 1"), Progress(2, 2, "step 2")]


async def test_t25_a_cancelled_call_is_cancelled_at_the_server_within_a_second(
    serve: Serve, tiny: Tiny, notes: Notes
) -> None:
    async with serve(tiny()) as served:
        calling = asyncio.create_task(served.run("hang"))
        async with asyncio.timeout(10):
            while not notes.calls:
                await asyncio.sleep(0.005)
        calling.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await calling
            while len(notes.calls) < 2:
                await asyncio.sleep(0.005)
        assert notes.calls[1].startswith("cancelled")
        assert await served.done("echo", text="still here") == "still here"


async def test_a_call_ends_when_the_time_of_its_server_is_up(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny(timeout=0.2)) as served:
        assert "longer than 0.2 s" in await served.refused("hang")
        assert await served.done("echo", text="x") == "x"


async def test_large_results_come_through_and_endless_ones_do_not(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        assert len(await served.done("huge")) == 7 * 2**20
        assert "longer than 20 MB" in await served.refused("enormous")
        assert await served.done("echo", text="x") == "x"


async def test_a_result_that_is_none_is_a_failure_of_this_call_only(
    serve: Serve, tiny: Tiny
) -> None:
    async with serve(tiny()) as served:
        before = await pid_of(served)
        assert "not the Model Context Protocol" in await served.refused("nonsense")
        assert await pid_of(served) == before


# --- what they may see


async def test_s16_a_program_is_given_no_variable_of_the_gateways(
    serve: Serve, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_API_KEY", "GATEWAY_API_KEYS", "SOMETHING_ELSE", "PYTHONPATH"):
        monkeypatch.setenv(name, "sk-ant-CANARY")
    async with serve(tiny(env={"TOKEN": "mine"})) as served:
        seen = json.loads(await served.done("environment"))
    assert "CANARY" not in json.dumps(seen)
    assert seen["TOKEN"] == "mine"
    assert seen["PATH"] == os.environ["PATH"]


async def test_s4_a_program_runs_in_the_folder_of_its_configuration_without_a_shell(
    serve: Serve, tiny: Tiny, tmp_path: Path
) -> None:
    async with serve(tiny("$(touch shell)", ";touch", "shell")) as served:
        assert json.loads(await served.done("environment"))["CWD"] == str(tmp_path)
    assert not (tmp_path / "shell").exists()
    (tmp_path / "deeper").mkdir()
    async with serve(tiny(cwd="deeper")) as served:
        assert json.loads(await served.done("environment"))["CWD"] == str(tmp_path / "deeper")


# --- misbehaviour


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"command": "no-such-program-ever"}, "'no-such-program-ever' was not found on the PATH"),
        ({"command": "./nothing"}, "cannot be started: No such file or directory"),
        ({"command": sys.executable, "cwd": "nowhere"}, "nowhere, which it is to run in, is not"),
        ({"command": "/"}, "cannot be started: Permission denied"),
    ],
)
async def test_a_program_that_cannot_be_started_says_why(
    serve: Serve, entry: dict[str, object], reason: str
) -> None:
    async with serve(entry, wait="error") as served:
        assert reason in served.state.reason
        assert reason in await served.refused("anything")


async def test_s11_a_program_that_ends_says_why_and_no_secret(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny("fails", env={"TOKEN": "CANARY-token"}), wait="error") as served:
        assert served.state.reason == (
            "The program ended with status 1, and said: there is no such database: ***."
        )


async def test_t33_a_program_that_never_answers_is_given_up_and_ended(
    serve: Serve, tiny: Tiny, notes: Notes
) -> None:
    async with serve(tiny("silent"), limits=Limits(start=0.5), wait="error") as served:
        assert served.state.reason == "It did not start within 0.5 s."
        await until_gone(notes.pids[0])


async def test_a_program_that_prints_a_greeting_works_all_the_same(
    serve: Serve, tiny: Tiny, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(tiny("garbage")) as served:
        assert await served.done("echo", text="x") == "x"
    assert "what is no message" in caplog.text
    assert "Welcome" not in caplog.text


async def test_a_program_that_only_makes_noise_is_given_up(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny("noise"), wait="error") as served:
        assert "what is no message" in served.state.reason


async def test_a_program_that_dies_of_what_it_does_not_know_is_asked_in_the_older_way(
    serve: Serve, tiny: Tiny
) -> None:
    async with serve(tiny("dies-of-surprise")) as served:
        assert await served.done("echo", text="x") == "x"


async def test_s11_standard_error_is_logged_without_secrets_and_within_bounds(
    serve: Serve, tiny: Tiny, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "claude_gateway_mcp")
    async with serve(tiny(env={"TOKEN": "CANARY-token"})) as served:
        await served.done("shout")
        await served.done("echo", text="after the flood")
    lines = [str(vars(r)["line"]) for r in caplog.records if "line" in vars(r)]
    assert lines[0].startswith("sk-")  # which the gateway's log masks
    assert "CANARY-token" not in "".join(lines)
    assert 100 <= len(lines) < 300
    assert all(
        record.levelno == logging.DEBUG for record in caplog.records if "line" in vars(record)
    )


async def test_lists_without_an_end_are_read_so_far(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny("endless-pages")) as served:
        assert len(await served.names()) == 100


async def test_a_server_that_changes_its_tools_is_listed_anew(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        assert "echo2" not in await served.names()
        await served.done("change")
        async with asyncio.timeout(10):
            while "echo2" not in await served.names():
                await asyncio.sleep(0.01)
        assert await served.done("echo2", text="renamed") == "renamed"
        with pytest.raises(NotFound):
            await served.run("echo")


# --- ends


@pytest.mark.parametrize("vices", [(), ("stays",), ("stays", "ignores-signals"), ("has-a-child",)])
async def test_t33_nothing_is_left_of_a_program_whatever_it_does(
    serve: Serve, tiny: Tiny, notes: Notes, vices: tuple[str, ...]
) -> None:
    async with serve(tiny(*vices)) as served:
        await served.done("echo", text="x")
        assert all(map(alive, notes.pids))
    for pid in notes.pids:
        await until_gone(pid)
    assert len(notes.pids) == (2 if "has-a-child" in vices else 1)


async def test_t33_a_launcher_that_is_killed_leaves_no_grandchild(
    serve: Serve, tiny: Tiny, notes: Notes
) -> None:
    async with serve(tiny("has-a-child")) as served:
        child = next(pid for pid in notes.pids if pid != served_pid(notes))
        os.kill(served_pid(notes), signal.SIGKILL)
        await until_gone(child)
        assert await served.done("echo", text="back") == "back"


def served_pid(notes: Notes) -> int:
    return notes.pids[0]


async def test_t33_a_program_that_dies_is_back_soon_and_its_tools_stay_listed(
    serve: Serve, tiny: Tiny, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(tiny()) as served:
        before, listed = await pid_of(served), await served.names()
        assert "ended with status 3" in await served.refused("die")
        assert await served.names() == listed
        async with asyncio.timeout(20):
            assert await pid_of(served) != before
        assert served.state.status == "available"
    assert "its tools stay listed" in caplog.text


async def test_t33_a_program_that_dies_again_and_again_is_restarted_ever_more_seldom(
    serve: Serve, tiny: Tiny, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_mcp.pauses.FIRST_PAUSE", 0.02)
    async with serve(tiny()) as served:
        seen: list[float] = []
        for _ in range(5):
            pid = await pid_of(served)
            os.kill(pid, signal.SIGKILL)
            began = asyncio.get_running_loop().time()
            await until_gone(pid)
            async with asyncio.timeout(20):
                while len(set(notes.pids)) < len(seen) + 2:
                    await asyncio.sleep(0.005)
            seen.append(asyncio.get_running_loop().time() - began)
        assert seen[-1] > 0.02 * 2**4  # the pause alone


async def test_t33_idle_programs_are_stopped_and_the_next_call_starts_them(
    serve: Serve, tiny: Tiny
) -> None:
    async with serve(tiny(), limits=Limits(20, idle=0.3)) as served:
        first = await pid_of(served)
        await until_gone(first)
        assert served.state.status in ("available", "starting")
        assert "echo" in await served.names()
        second = await pid_of(served)
        assert second != first
        assert await pid_of(served) == second


@pytest.mark.timeout(240)
async def test_t33_the_number_of_children_is_the_same_after_a_hundred_starts(
    serve: Serve, tiny: Tiny, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claude_gateway_mcp.pauses.LONGEST_PAUSE", 0.001)
    times = 100
    async with serve(tiny()) as served:
        descriptors = len([*Path("/proc/self/fd").iterdir()])
        for _ in range(times):
            await served.refused("die")
            await served.done("echo", text="x")
        assert len(notes.pids) == times + 1
        assert len(served.fleet.guard.groups) == 1
        assert len([pid for pid in notes.pids if alive(pid)]) == 1
        assert abs(len([*Path("/proc/self/fd").iterdir()]) - descriptors) <= 2


async def test_servers_leave_side_by_side(tiny: Tiny, tmp_path: Path) -> None:
    fleet, around = Fleet(Limits(20)), Around(os.environ, tmp_path)
    entry = tiny("stays")
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(fleet.serving(read_entry(name, name, entry, around)))
            for name in ("one", "two", "three")
        ]
        async with asyncio.timeout(20):
            while any(server.state().status != "available" for server in servers):
                await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2 * GOODBYE


async def test_the_watchdog_is_started_again_when_it_was_killed(serve: Serve, tiny: Tiny) -> None:
    async with serve(tiny()) as served:
        first = served.fleet.guard.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until_gone(first)
        await served.refused("die")
        await served.done("echo", text="x")
        assert served.fleet.guard.pid not in (None, first)
