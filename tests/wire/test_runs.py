"""Runs that outlive their connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.raw import Connection, Response, ask, refused, request
from claude_gateway.testing.wire import error, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = {"Authorization": "Bearer gw-CANARY-client"}
CHAT, NATIVE = "/v1/chat/completions", "/v1/messages"


def body(path: str, session: str, **more: object) -> tuple[dict[str, object], dict[str, str]]:
    asked: dict[str, object] = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": "Hi"}],
        **more,
    }
    if path == NATIVE:
        return asked, {**KEY, "x-gateway-session-id": session}
    return {**asked, "session_id": session}, KEY


async def post(gateway: GatewayProcess, path: str, session: str, **more: object) -> Response:
    return await ask(gateway.port, "POST", path, *body(path, session, **more))


async def get(
    gateway: GatewayProcess, path: str, headers: Mapping[str, str] | None = None
) -> Response:
    return await ask(gateway.port, "GET", path, headers={**KEY, **(headers or {})})


async def run_of(gateway: GatewayProcess, run: str | None) -> Any:
    return (await get(gateway, f"/v1/runs/{run}")).json


async def ended(gateway: GatewayProcess, run: str | None) -> Any:
    async with asyncio.timeout(5):
        while (state := await run_of(gateway, run))["status"] == "running":
            await asyncio.sleep(0.02)
    return state


@pytest.mark.parametrize("path", [CHAT, NATIVE])
async def test_t28_what_was_missed_is_read_again_byte_for_byte_from_any_event(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Stream(text_stream("Hel", "lo ", "wörld", " \U0001f600")))
    whole = await post(gateway, path, f"again-{path[4:8]}")
    run = whole.header("x-run-id")
    for seen in range(len(whole.frames) + 1):
        rest = await get(gateway, f"/v1/runs/{run}/events?after={seen}")
        assert rest.body == b"".join(whole.frames[seen:])
        by_header = await get(gateway, f"/v1/runs/{run}/events", {"Last-Event-ID": str(seen)})
        assert by_header.body == rest.body
    assert (await run_of(gateway, run))["last_event"] == len(whole.frames)


@pytest.mark.parametrize("path", [CHAT, NATIVE])
async def test_t28_an_answer_goes_on_while_nobody_listens_and_is_read_to_the_end(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    go_on = asyncio.Event()
    frames = text_stream("Hel", "lo", " world")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
    session = f"asleep-{path[4:8]}"
    async with Connection(gateway.port) as connection:
        asked, headers = body(path, session)
        await connection.send(request("POST", path, asked, headers))
        run = (await connection.head()).header("x-run-id")
        seen = b""
        while b"Hel" not in seen:
            seen += await connection.chunk()
    assert upstream.turns[0].outcome == "open"
    last = seen.count(b"\n\n")
    viewers = [
        asyncio.create_task(get(gateway, f"/v1/runs/{run}/events?after={last}")) for _ in "ab"
    ]
    await asyncio.sleep(0.1)
    go_on.set()
    one, other = await asyncio.gather(*viewers)
    assert one.body == other.body
    assert b" world" in one.body
    everything = await get(gateway, f"/v1/runs/{run}/events")
    assert everything.body == seen + one.body
    assert (await ended(gateway, run))["status"] == "completed"
    messages = (await get(gateway, f"/v1/sessions/{session}/messages")).json["messages"]
    assert messages[-1]["content"] == "Hello world"


async def test_t24_t26_under_cancel_a_client_that_leaves_stops_upstream_and_pays_for_what_was_said(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("It was a dark night")[:4], Hang()]))
    async with Connection(gateway.port) as connection:
        asked, headers = body(CHAT, "hangs-up", on_disconnect="cancel")
        await connection.send(request("POST", CHAT, asked, headers))
        run = (await connection.head()).header("x-run-id")
        while b"dark" not in await connection.chunk():
            pass
    assert await upstream.wait_closed(timeout=2) < 1
    state = await ended(gateway, run)
    assert (state["status"], state["error"]["code"]) == ("cancelled", "cancelled")
    assert state["usage"]["output_tokens"] >= 5
    assert state["total_cost"] > 0
    messages = (await get(gateway, "/v1/sessions/hangs-up/messages")).json["messages"]
    assert [m["content"] for m in messages] == ["Hi", "It was a dark night"]
    upstream.script(Stream(text_stream("And stormy")))
    await post(gateway, CHAT, "hangs-up", messages=[{"role": "user", "content": "Go on"}])
    assert [m["content"] for m in upstream.turns[-1].json["messages"]] == [
        "Hi",
        "It was a dark night",
        "Go on",
    ]


async def test_t24_under_cancel_a_client_that_does_not_stream_stops_upstream_too(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Hang())
    async with Connection(gateway.port) as connection:
        asked, headers = body(CHAT, "whole-hangs-up", on_disconnect="cancel", stream=False)
        await connection.send(request("POST", CHAT, asked, headers))
        await upstream.wait_turns()
    assert await upstream.wait_closed(timeout=2) < 1


@pytest.mark.parametrize("how", ["run", "session"])
async def test_a_run_can_be_stopped_and_stopping_twice_changes_nothing(
    gateway: GatewayProcess, upstream: FakeAnthropic, how: str
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    session = f"stopped-by-{how}"
    async with Connection(gateway.port) as connection:
        asked, headers = body(CHAT, session)
        await connection.send(request("POST", CHAT, asked, headers))
        run = (await connection.head()).header("x-run-id")
        seen = b""
        while b"Hel" not in seen:
            seen += await connection.chunk()
        status = (await get(gateway, f"{CHAT}/{session}/status")).json
        assert status["is_running"] is True
        for _ in range(2):
            if how == "run":
                done = await ask(gateway.port, "POST", f"/v1/runs/{run}/cancel", headers=KEY)
            else:
                done = await ask(gateway.port, "DELETE", f"{CHAT}/{session}", headers=KEY)
            assert done.status == 200
        while not seen.endswith(b"[DONE]\n\n"):
            seen += await connection.chunk()
    assert b'"code":"cancelled"' in seen
    assert b'"finish_reason":"stop"' not in seen
    assert (await run_of(gateway, run))["status"] == "cancelled"
    assert await upstream.wait_closed(timeout=2) < 1


async def test_a_second_turn_is_refused_while_the_first_is_under_way_or_waits_if_it_wants(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    go_on = asyncio.Event()
    frames = text_stream("One")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]), Stream(text_stream("Two")))
    async with Connection(gateway.port) as connection:
        asked, headers = body(CHAT, "busy")
        await connection.send(request("POST", CHAT, asked, headers))
        await connection.head()
        busy = await post(gateway, CHAT, "busy")
        assert (busy.status, busy.json["error"]["code"]) == (409, "session_busy")
        waiting = asyncio.create_task(
            post(
                gateway,
                CHAT,
                "busy",
                if_busy="queue",
                messages=[{"role": "user", "content": "Next"}],
            )
        )
        await asyncio.sleep(0.05)
        assert not waiting.done()
        go_on.set()
        answer = await waiting
    assert b"Two" in answer.body
    assert [m["content"] for m in upstream.turns[-1].json["messages"]] == ["Hi", "One", "Next"]


async def test_the_same_request_sent_again_gets_the_same_run(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    asked, headers = body(CHAT, "idem")
    headers = {**headers, "Idempotency-Key": "abc-1"}
    storm = [ask(gateway.port, "POST", CHAT, asked, headers) for _ in range(5)]
    answers = await asyncio.gather(*storm)
    answers.append(await ask(gateway.port, "POST", CHAT, asked, headers))
    assert len({a.header("x-run-id") for a in answers}) == 1
    assert len({a.body for a in answers}) == 1
    assert len(upstream.turns) == 1
    other = await ask(gateway.port, "POST", CHAT, {**asked, "max_tokens": 5}, headers)
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("path", [CHAT, NATIVE])
async def test_without_a_session_too_a_request_sent_again_gets_the_same_answer(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    asked, _ = body(path, "")
    asked = {**asked, "stream": False, "session_id": None}
    headers = {**KEY, "Idempotency-Key": f"whole-{path}"}
    one = await ask(gateway.port, "POST", path, asked, headers)
    two = await ask(gateway.port, "POST", path, asked, headers)
    assert (one.status, two.status) == (200, 200)
    assert one.body == two.body
    assert len(upstream.turns) == 1


async def test_trying_again_what_failed_before_the_model_spoke_is_a_new_attempt(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Reply(529, error("overloaded_error", "Busy")), Stream(text_stream("Yes")))
    asked, headers = body(CHAT, "idem-failed")
    headers = {**headers, "Idempotency-Key": "failed-1"}
    assert (await ask(gateway.port, "POST", CHAT, asked, headers)).status == 503
    again = await ask(gateway.port, "POST", CHAT, asked, headers)
    assert again.status == 200
    assert b"Yes" in again.body
    third = await ask(gateway.port, "POST", CHAT, asked, headers)
    assert third.body == again.body
    assert len(upstream.turns) == 2


async def test_t16_a_failure_in_the_middle_is_kept_as_such_and_read_again_as_such(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(text_stream("Hel")[:4]))
    answer = await post(gateway, CHAT, "broken")
    assert b'"error"' in answer.body
    assert answer.body.endswith(b"[DONE]\n\n")
    state = await run_of(gateway, answer.header("x-run-id"))
    assert state["status"] == "failed"
    again = await get(gateway, f"/v1/runs/{state['id']}/events")
    assert again.body == answer.body


async def test_t27_a_queued_stream_is_not_silent() -> None:
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-x",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_HEARTBEAT": "0.1",
        }
        async with GatewayProcess(env) as gateway, Connection(gateway.port) as first:
            upstream.script(Stream([Hang()]))
            asked, _ = body(CHAT, "quiet")
            await first.send(request("POST", CHAT, asked))
            await first.head()
            assert await first.chunk() == b": ping\n"
            async with Connection(gateway.port) as second:
                await second.send(request("POST", CHAT, {**asked, "if_busy": "queue"}))
                await second.head()
                assert await second.chunk() == b": ping\n"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/runs/run_00000000000000000000000000000000", 404),
        ("/v1/runs/run_0/events", 404),
        ("/v1/runs/run_0/events?after=-1", 400),
        ("/v1/runs/run_0/events?after=x", 400),
        (f"{CHAT}/nobody-knows/status", 404),
    ],
)
async def test_what_is_not_there_is_not_found(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, status: int
) -> None:
    assert (await get(gateway, path)).status == status


async def test_runs_are_listed_by_session(gateway: GatewayProcess, upstream: FakeAnthropic) -> None:
    answer = await post(gateway, CHAT, "listed")
    listing = (await get(gateway, "/v1/runs?session_id=listed")).json
    assert listing["total"] == 1
    assert listing["runs"][0]["id"] == answer.header("x-run-id")
    assert json.dumps(listing["runs"][0]).count('"id":') == 1


async def test_a_number_that_is_none_is_refused_also_beside_one_that_is(
    gateway: GatewayProcess,
) -> None:
    for after, last, param in (("x", "1", "after"), ("1", "x", "Last-Event-ID")):
        path, headers = f"/v1/runs/none/events?after={after}", {**KEY, "Last-Event-ID": last}
        refused(await ask(gateway.port, "GET", path, b"", headers), 400, param=param)
