"""Workers start together, die alone, are replaced, and stop together."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayDidNotStart, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, request
from claude_gateway.testing.wire import text_stream
from tests.wire.workers import Desk, at_home, desks, pids, rest_of, until_there

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
TWO = {"GATEWAY_WORKERS": "2"}


def chat(session: str) -> dict[str, object]:
    words = [{"role": "user", "content": "Hi"}]
    return {"model": "sonnet", "messages": words, "session_id": session, "stream": True}


async def begun(desk: Desk, session: str) -> tuple[Connection, str]:
    connection = await desk.open("POST", CHAT, chat(session))
    head = await connection.head()
    assert head.status == 200
    while b"Hel" not in await connection.chunk():
        pass
    return connection, head.header("x-run-id") or ""


async def gone(*processes: int) -> None:
    """Wait until none of them lives."""
    async with asyncio.timeout(5):
        while any(alive(pid) for pid in processes):
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # one that nobody has waited for is dead as well
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_there_is_one_banner_and_a_folder_that_is_closed_to_others(
    tmp_path: Path,
) -> None:
    async with GatewayProcess({"GATEWAY_WORKERS": "3", "TMPDIR": str(tmp_path)}) as gateway:
        assert sorted(await pids(gateway)) == [0, 1, 2]
        assert gateway.stdout.count("listening on") == 1
        assert "  workers    3\n" in gateway.stdout
        (folder,) = tmp_path.glob("claude-gateway-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["0", "0-limits", "1", "1-limits", "2", "2-limits"]
        assert await gateway.stop() == 0
        assert not folder.exists()


async def test_a_worker_that_dies_is_replaced_and_its_runs_are_ended_and_nobody_elses(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    go_on, frames = asyncio.Event(), text_stream("Hel", "lo")
    upstream.always(Stream([*frames[:4], go_on, *frames[4:]]))
    async with GatewayProcess(env | TWO) as gateway, desks(gateway) as (_, second):
        key = {"x-api-key": env["GATEWAY_API_KEYS"].split(",")[0]}
        lost, lost_run = await begun(second, at_home(0, 2))  # through the other one
        kept, kept_run = await begun(second, at_home(1, 2))
        victim = (await pids(gateway))[0]
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(asyncio.IncompleteReadError):
            await rest_of(lost)
        await until_there(gateway, 0, victim)
        status = await second.ask("GET", f"/v1/runs/{lost_run}")  # waits for the new one
        assert status.json["status"] == "interrupted"
        assert (await second.ask("GET", f"/v1/runs/{kept_run}")).json["status"] == "running"
        go_on.set()
        assert (await rest_of(kept)).endswith(b"data: [DONE]\n\n")
        async with Connection(gateway.port) as connection:
            body = {**chat(at_home(0, 2)), "stream": False}
            await connection.send(request("POST", CHAT, body, key))
            assert (await connection.response()).status == 200
    assert gateway.exit_code == 0
    assert "a worker has died, and is replaced" in gateway.stderr


async def test_nobody_is_refused_while_a_worker_is_replaced(env: dict[str, str]) -> None:
    async with GatewayProcess(env | TWO) as gateway:
        victim = (await pids(gateway))[1]
        os.kill(victim, signal.SIGKILL)
        for _ in range(50):
            assert (await ask(gateway.port, "GET", "/readiness")).status == 200
        await until_there(gateway, 1, victim)


async def test_one_that_dies_again_and_again_is_replaced_less_and_less_often(
    env: dict[str, str],
) -> None:
    async with GatewayProcess(env | TWO) as gateway:
        for _ in range(3):
            victim = (await pids(gateway))[1]
            os.kill(victim, signal.SIGKILL)
            await until_there(gateway, 1, victim)
    waits = [line for line in gateway.stderr.splitlines() if "a worker has died" in line]
    assert ['"in_seconds":0.0' in waits[0], '"in_seconds":0.5' in waits[1]] == [True, True]
    assert '"in_seconds":1.0' in waits[2]


async def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "gateway.db").touch(mode=0o600)
    (data / "gateway.db").write_bytes(b"no database at all" * 100)
    gateway = GatewayProcess({**TWO, "GATEWAY_DATA_DIR": str(data)})
    with pytest.raises(GatewayDidNotStart):
        async with gateway:
            pass
    assert gateway.exit_code == 3
    assert gateway.stdout == ""
    [line] = gateway.stderr.splitlines()
    assert line.startswith("claude-gateway: ")


async def test_workers_die_with_the_process_that_started_them(env: dict[str, str]) -> None:
    async with GatewayProcess(env | TWO) as gateway:
        workers = (await pids(gateway)).values()
        await gateway.kill()
        await gone(*workers)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_all_drain_together_and_take_nobody_in(
    env: dict[str, str], upstream: FakeAnthropic, how: signal.Signals
) -> None:
    go_on, frames = asyncio.Event(), text_stream("Hel", "lo")
    upstream.always(Stream([*frames[:4], go_on, *frames[4:]]))
    async with GatewayProcess(env | TWO) as gateway, desks(gateway) as both:
        streams = [
            await begun(desk, at_home(n, 2, f"d{desk.number}")) for desk in both for n in (0, 1)
        ]
        gateway.process.send_signal(how)
        async with asyncio.timeout(5):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                except ConnectionRefusedError:
                    break
                except ConnectionResetError:  # it waited to be accepted in the very moment
                    continue
                writer.close()
        go_on.set()
        for stream, _ in streams:
            assert (await rest_of(stream)).endswith(b"data: [DONE]\n\n")
        assert await gateway.wait(5) == 0
    assert "Traceback" not in gateway.output()


async def test_streams_that_do_not_end_are_told_so_also_through_another_worker(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
    patience = {"GATEWAY_SHUTDOWN_TIMEOUT": "1"}
    async with GatewayProcess(env | TWO | patience) as gateway, desks(gateway) as both:
        streams = [
            await begun(desk, at_home(n, 2, f"h{desk.number}")) for desk in both for n in (0, 1)
        ]
        gateway.process.terminate()
        for stream, _ in streams:
            assert b'"error"' in await stream.rest()
        assert await gateway.wait(5) == 0
    assert "Traceback" not in gateway.output()
