"""Clients that leave at the worst moment, come back too late, or ask in ways that few do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_sqlite.store import open_store

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, ask, refused, request
from claude_gateway.testing.wire import text_stream

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, NATIVE = "/v1/chat/completions", "/v1/messages"
FOREVER = 1e12


def chat(session: str, words: str = "Hi", /, **more: object) -> dict[str, object]:
    said = [{"role": "user", "content": words}]
    return {"model": "sonnet", "session_id": session, "messages": said, **more}


async def runs_of(caller: Caller, session: str) -> list[Any]:
    found: list[Any] = (await caller.get(f"/v1/runs?session_id={session}"))["runs"]
    return found


async def over(caller: Caller, session: str) -> str:
    """Return how the session's newest run ended."""
    async with asyncio.timeout(5):
        while (status := (await runs_of(caller, session))[0]["status"]) == "running":
            await asyncio.sleep(0.02)
    return str(status)


@pytest.mark.parametrize("policy", ["cancel", "detach"])
async def test_t28_clients_that_leave_while_their_turn_begins_leave_no_run_that_never_ends(
    upstream: FakeAnthropic, caller: Caller, policy: str
) -> None:
    headers = {"x-api-key": caller.key}
    for n in range(100):
        async with Connection(caller.port) as connection:
            asked = chat(f"{policy}-{n}", on_disconnect=policy, stream=True)
            await connection.send(request("POST", CHAT, asked, headers))
            await asyncio.sleep(n / 20_000)  # at another moment of the beginning each time
            connection.kill()
    async with asyncio.timeout(5):
        while (await caller.get("/v1/runs?status=running"))["total"]:
            await asyncio.sleep(0.05)
    found = (await caller.get("/v1/runs?limit=1000"))["runs"]
    assert {run["status"] for run in found} <= {"completed", "cancelled"}
    for run in found[:5]:  # and their sessions are free
        again = await caller.ask("POST", CHAT, chat(run["session_id"], "Again"))
        assert again.status == 200


@pytest.mark.parametrize("streamed", [True, False])
async def test_t24_upstream_is_closed_when_the_client_of_a_session_leaves_under_cancel(
    upstream: FakeAnthropic, caller: Caller, *, streamed: bool
) -> None:
    upstream.script(Stream([*text_stream("Hel", "lo")[:4], Hang()]))
    session = f"leaving-{streamed}"
    asked = chat(session, on_disconnect="cancel", stream=streamed)
    async with Connection(caller.port) as connection:
        await connection.send(request("POST", CHAT, asked, {"x-api-key": caller.key}))
        await upstream.wait_turns()
        async with asyncio.timeout(5):
            while (await runs_of(caller, session))[0]["last_event"] < 2:
                await asyncio.sleep(0.02)
    assert await upstream.wait_closed(timeout=2) < 1
    assert await over(caller, session) == "cancelled"
    said = (await caller.get(f"/v1/sessions/{session}/messages"))["messages"]
    assert [(m["role"], m["content"]) for m in said] == [("user", "Hi"), ("assistant", "Hel")]


async def test_sixty_retries_at_once_of_one_request_are_all_shown_its_one_answer(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    go_on = asyncio.Event()
    frames = text_stream("Hel", "lo")
    upstream.script(Stream([go_on, *frames]))
    first = asyncio.create_task(caller.ask("POST", CHAT, chat("storm", "First")))
    await upstream.wait_turns()
    key, queued = {"idempotency-key": "storm"}, chat("storm", "Second", if_busy="queue")
    retries = [asyncio.create_task(caller.ask("POST", CHAT, queued, key)) for _ in range(60)]
    for _ in range(3):  # they are behind these requests then
        assert (await caller.get("/v1/chat/completions/storm/status"))["is_running"]
    go_on.set()
    answers = await asyncio.gather(first, *retries)
    assert Counter(answer.status for answer in answers) == {200: 61}
    assert len({answer.body for answer in answers[1:]}) == 1
    assert len(upstream.turns) == 2


async def test_the_same_body_for_another_session_of_a_native_client_is_another_request(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    asked = {"model": "sonnet", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}

    def into(session: str) -> Mapping[str, str]:
        return {"idempotency-key": "native", "x-gateway-session-id": session}

    first = await caller.ask("POST", NATIVE, asked, into("one"))
    again = await caller.ask("POST", NATIVE, asked, into("one"))
    assert (first.status, again.body) == (200, first.body)
    other = await caller.ask("POST", NATIVE, asked, into("two"))
    refused(other, 409, "idempotency_key_reused")


async def test_turns_that_wait_for_a_session_that_is_deleted_do_not_make_it_anew(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    upstream.script(Stream([*text_stream("Hel", "lo")[:4], Hang()]))
    turns = [asyncio.create_task(caller.ask("POST", CHAT, chat("doomed")))]
    await upstream.wait_turns()
    queued = chat("doomed", if_busy="queue")
    turns += [asyncio.create_task(caller.ask("POST", CHAT, queued)) for _ in range(3)]
    status = "/v1/chat/completions/doomed/status"
    for _ in range(3):  # they are behind these requests then
        assert (await caller.get(status))["is_running"]
    assert (await caller.ask("DELETE", "/v1/sessions/doomed")).status == 204
    stopped, *waiting = await asyncio.gather(*turns)
    refused(stopped, 409, "cancelled")
    for answer in waiting:
        refused(answer, 404, "not_found")
    refused(await caller.ask("GET", "/v1/sessions/doomed"), 404, "not_found")


async def test_head_of_a_runs_events_has_no_body(upstream: FakeAnthropic, caller: Caller) -> None:
    run = (await caller.ask("POST", CHAT, chat("head"))).header("x-run-id")
    async with Connection(caller.port) as connection:
        for method in ("HEAD", "GET"):  # what follows on the connection is the next answer
            asked = request(method, f"/v1/runs/{run}/events", b"", {"x-api-key": caller.key})
            await connection.send(asked)
            answer = await connection.response(bodiless=method == "HEAD")
            assert answer.status == 200
            assert answer.header("x-run-id") == run


async def test_a_run_that_was_cancelled_is_told_to_a_retry_as_it_was_the_first_time(
    upstream: FakeAnthropic, caller: Caller
) -> None:
    upstream.script(Stream([*text_stream("Hel", "lo")[:4], Hang()]))
    key = {"idempotency-key": "cancelled"}
    first = asyncio.create_task(caller.ask("POST", CHAT, chat("stopped"), key))
    await upstream.wait_turns()
    await caller.ask("DELETE", "/v1/chat/completions/stopped")
    refused(await first, 409, "cancelled")
    refused(await caller.ask("POST", CHAT, chat("stopped"), key), 409, "cancelled")


async def test_frames_that_are_not_kept_any_more_are_an_error_and_not_an_empty_answer(
    upstream: FakeAnthropic, env: dict[str, str]
) -> None:
    async with GatewayProcess(env) as gateway:
        mine = {"x-api-key": "gw-CANARY-client"}
        for streamed in (True, False):
            key = {**mine, "idempotency-key": f"late-{streamed}"}
            asked = chat(f"late-{streamed}", stream=streamed)
            first = await ask(gateway.port, "POST", CHAT, asked, key)
            async with open_store(gateway.folder / "data") as store:
                assert await store.prune_events(FOREVER, 10) == 1
            events = f"/v1/runs/{first.header('x-run-id')}/events"
            refused(await ask(gateway.port, "GET", events, b"", mine), 404, "events_forgotten")
            again = await ask(gateway.port, "POST", CHAT, asked, key)
            refused(again, 404, "events_forgotten")
        assert len(upstream.turns) == 2


async def test_a_retry_at_another_gateway_of_the_same_data_waits_for_the_answer(
    upstream: FakeAnthropic, env: dict[str, str]
) -> None:
    go_on = asyncio.Event()
    upstream.script(Stream([go_on, *text_stream("Hel", "lo")]))
    key = {"x-api-key": "gw-CANARY-client", "idempotency-key": "twice"}
    async with GatewayProcess(env) as one:
        data = {"GATEWAY_DATA_DIR": str(one.folder / "data")}
        async with GatewayProcess({**env, **data}) as two:
            first = asyncio.create_task(ask(one.port, "POST", CHAT, chat("twice"), key))
            await upstream.wait_turns()
            again = asyncio.create_task(ask(two.port, "POST", CHAT, chat("twice"), key))
            done, _ = await asyncio.wait([again], timeout=0.5)
            assert not done
            go_on.set()
            assert (await again).body == (await first).body
            assert len(upstream.turns) == 1
