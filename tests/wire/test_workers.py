"""Several processes serve together, and whoever asks cannot tell which."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Connection, ask, refused, request
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text, text_stream
from tests.wire.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.wire.tool_turns import GATE, calling, installed
from tests.wire.workers import Desk, at_home, desks, rest_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, SHAKEN = "/v1/chat/completions", "2025-11-25"
BOTH = {"accept": "application/json, text/event-stream"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two(
    fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """A gateway of two workers, with tools that wait."""
    env = {
        "GATEWAY_WORKERS": "2",
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_API_KEYS": CLIENT_KEY,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
        **installed(tmp_path_factory.mktemp("gate")),
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest_asyncio.fixture(params=[0, 1], ids=["at_home", "elsewhere"], loop_scope="session")
async def pair(
    request: pytest.FixtureRequest, two: GatewayProcess
) -> AsyncGenerator[tuple[Desk, Desk]]:
    """Both workers, in both orders."""
    async with desks(two) as (first, second):
        yield (first, second) if request.param == 0 else (second, first)


@pytest.fixture
def session() -> str:
    """A name at home with the first worker."""
    return at_home(0, 2, uuid4().hex)


def chat(session: str | None, **more: object) -> dict[str, object]:
    named = {} if session is None else {"session_id": session}
    return {"model": "sonnet", "messages": [{"role": "user", "content": "Hi"}], **named, **more}


async def begun(desk: Desk, session: str | None, **more: object) -> tuple[Connection, str]:
    """Begin a stream, and return its connection and run."""
    connection = await desk.open("POST", CHAT, chat(session, stream=True, **more))
    head = await connection.head()
    assert head.status == 200, head.head
    return connection, head.header("x-run-id") or ""


def held(upstream: FakeAnthropic) -> asyncio.Event:
    """Let the next answer stop in the middle until the event is set."""
    go_on, frames = asyncio.Event(), text_stream("Hel", "lo ", "world")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
    return go_on


async def test_a_session_has_one_turn_whichever_worker_is_asked(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str
) -> None:
    one, other = pair
    go_on = held(upstream)
    stream, run = await begun(one, session)
    for desk in pair:
        refused(await desk.ask("POST", CHAT, chat(session)), 409, "session_busy")
        status = await desk.ask("GET", f"{CHAT}/{session}/status")
        assert status.json["is_running"] is True
        stale = {"system_prompt": "Be brief."}
        refused(await desk.ask("PATCH", f"/v1/sessions/{session}", stale), 409, "session_busy")
        assert (await desk.ask("GET", f"/v1/runs/{run}")).json["status"] == "running"
    waiting = await other.open("POST", CHAT, chat(session, if_busy="queue"))
    go_on.set()
    assert (await rest_of(stream)).endswith(b"data: [DONE]\n\n")
    assert (await waiting.response()).status == 200
    told = (await other.ask("GET", f"/v1/sessions/{session}/messages")).json
    assert [message["role"] for message in told["messages"]] == ["user", "assistant"] * 2


@pytest.mark.parametrize("in_session", [True, False])
async def test_t28_a_run_is_read_live_through_any_worker_in_the_same_bytes(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str, in_session: bool
) -> None:
    go_on = held(upstream)
    place = session if in_session else None
    stream, run = await begun(pair[0], place, on_disconnect="detach")
    readers = [await desk.open("GET", f"/v1/runs/{run}/events?after=1") for desk in pair]
    for reader in readers:
        assert (await reader.head()).status == 200
        await reader.chunk()
    go_on.set()
    whole = await rest_of(stream)
    rest = whole[whole.index(b"\n\n") + 2 :]
    for reader in readers:
        assert (await rest_of(reader)) in rest  # a chunk of it was read before
    for desk in pair:
        assert (await desk.ask("GET", f"/v1/runs/{run}/events?after=1")).body == rest


@pytest.mark.parametrize("how", ["cancel", "stop", "delete"])
async def test_a_run_is_stopped_through_the_other_worker(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str, how: str
) -> None:
    one, other = pair
    held(upstream)
    stream, run = await begun(one, session)
    if how == "cancel":
        answer = await other.ask("POST", f"/v1/runs/{run}/cancel")
        assert answer.json["status"] == "cancelled"
    elif how == "stop":
        answer = await other.ask("DELETE", f"{CHAT}/{session}")
        assert answer.json == {"session_id": session, "stopped": True, "run_id": run}
    else:
        assert (await other.ask("DELETE", f"/v1/sessions/{session}")).status == 204
        assert (await one.ask("GET", f"/v1/sessions/{session}")).status == 404
    assert b"world" not in await rest_of(stream)
    if how != "delete":
        for desk in pair:
            assert (await desk.ask("GET", f"/v1/runs/{run}")).json["status"] == "cancelled"


async def test_the_same_request_at_two_workers_at_once_is_one_run(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic
) -> None:
    go_on = held(upstream)
    key = {"idempotency-key": uuid4().hex}
    streams = [await desk.open("POST", CHAT, chat(None, stream=True), key) for desk in pair]
    heads = [await stream.head() for stream in streams]
    go_on.set()
    first, second = [await rest_of(stream) for stream in streams]
    assert first == second
    assert len({head.header("x-run-id") for head in heads}) == 1
    assert len(upstream.turns) == 1
    other = await pair[1].ask("POST", CHAT, chat(None, max_tokens=7), key)
    refused(other, 409, "idempotency_key_reused")


async def test_a_session_and_a_project_that_are_new_to_many_at_once_are_made_once(
    two: GatewayProcess, upstream: FakeAnthropic
) -> None:
    name = uuid4().hex
    body = chat(name, project_id=f"p-{name}", if_busy="queue")
    answers = await asyncio.gather(*(ask(two.port, "POST", CHAT, body) for _ in range(12)))
    assert {answer.status for answer in answers} == {200}
    told = (await ask(two.port, "GET", f"/v1/sessions/{name}/messages")).json
    assert [message["role"] for message in told["messages"]] == ["user", "assistant"] * 12
    assert (await ask(two.port, "GET", f"/v1/projects/p-{name}")).status == 200


async def test_a_fork_made_by_one_worker_goes_on_in_the_other(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str
) -> None:
    one, other = pair
    assert (await one.ask("POST", CHAT, chat(session))).status == 200
    fork = (await other.ask("POST", f"/v1/sessions/{session}/fork")).json["id"]
    answer = await one.ask("POST", CHAT, chat(fork))
    assert answer.json["session_id"] == fork
    told = (await other.ask("GET", f"/v1/sessions/{fork}/messages")).json
    assert told["total"] == 4


async def test_an_approval_reaches_the_run_through_the_other_worker(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str
) -> None:
    one, other = pair
    upstream.script(
        answering(calling("careful", "toolu_1", name=session), stop_reason="tool_use"),
        answering(text("Done.")),
    )
    stream, run = await begun(one, session, mcp=GATE)
    path, yes = f"/v1/runs/{run}/approvals/toolu_1", {"decision": "approve"}
    await _until(other, run, "awaiting_approval")
    assert (await other.ask("POST", path, yes)).status == 200
    assert (await rest_of(stream)).endswith(b"data: [DONE]\n\n")
    assert (await one.ask("GET", f"/v1/runs/{run}")).json["status"] == "completed"


async def test_a_session_of_mcp_is_known_to_both_workers_and_ends_once(
    pair: tuple[Desk, Desk],
) -> None:
    one, other = pair
    said = {
        "protocolVersion": SHAKEN,
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": said}
    mine = {
        **BOTH,
        "mcp-session-id": (await one.ask("POST", "/mcp", hello, BOTH)).header("mcp-session-id")
        or "",
    }
    tools = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
    here, there = [(await desk.ask("POST", "/mcp", tools, mine)).json for desk in pair]
    assert here == there
    assert here["result"]["tools"]
    listener = await other.open("GET", "/mcp", headers=mine)
    assert (await listener.head()).status == 200
    await listener.chunk()
    assert (await other.ask("DELETE", "/mcp", headers=mine)).status == 204
    assert await rest_of(listener) == b""
    for desk in pair:
        assert (await desk.ask("POST", "/mcp", tools, mine)).status == 404


async def test_a_client_that_leaves_stops_a_run_in_the_other_worker(
    pair: tuple[Desk, Desk], upstream: FakeAnthropic, session: str
) -> None:
    held(upstream)
    stream, run = await begun(pair[1], session, on_disconnect="cancel")
    stream.kill()
    await upstream.wait_closed(timeout=5)
    await _until(pair[0], run, "cancelled")


async def test_each_request_is_logged_once_with_its_worker(
    pair: tuple[Desk, Desk], two: GatewayProcess, upstream: FakeAnthropic, session: str
) -> None:
    name = f"once-{uuid4().hex}"
    answer = await pair[0].ask("POST", CHAT, chat(session), {"x-request-id": name})
    assert answer.header("x-request-id") == name
    async with asyncio.timeout(5):
        while name not in two.stderr:
            await asyncio.sleep(0.02)
    (line,) = [line for line in two.stderr.splitlines() if name in line]
    assert '"worker":0' in line


async def test_s1_nobody_outside_says_where_a_request_comes_from(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    address = next(iter(_addresses()), None)
    if address is None:
        pytest.skip("this machine has no address but its own")
    anywhere = ("--host", "0.0.0.0", "--port", "0", "--workers", "2")
    async with GatewayProcess(env, args=anywhere) as gateway:
        for name in (at_home(0, 2), at_home(1, 2)):
            reader, writer = await asyncio.open_connection(address, gateway.port)
            lies = {"x-gateway-peer": "127.0.0.1", "connection": "close"}
            writer.write(request("GET", f"{CHAT}/{name}/status", headers=lies))
            assert b" 401 " in await reader.readline()
            writer.close()


def _addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        found = str(probe.getsockname()[0])
    return [] if found.startswith("127.") else [found]


async def _until(desk: Desk, run: str, status: str) -> Any:
    async with asyncio.timeout(8):
        while (now := (await desk.ask("GET", f"/v1/runs/{run}")).json)["status"] != status:
            await asyncio.sleep(0.02)
    return now
