"""A request that is sent twice, with a key, makes one thing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claude_gateway.testing.raw import refused

if TYPE_CHECKING:
    from tests.wire.conftest import Caller

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = {"idempotency-key": "A-1 ~"}
MESSAGE = {"role": "user", "content": "Hello"}


async def path_of(caller: Caller, kind: str) -> str:
    if kind != "messages":
        return f"/v1/{kind}"
    session = await caller.post("/v1/sessions")
    return f"/v1/sessions/{session['id']}/messages"


@pytest.mark.parametrize(
    ("kind", "body", "more"),
    [
        ("projects", {"name": "App"}, 1),
        ("sessions", {"title": "One", "model": "sonnet"}, 0),
        ("messages", MESSAGE, 0),
    ],
)
async def test_the_same_request_gets_the_same_answer(
    caller: Caller, kind: str, body: dict[str, object], more: int
) -> None:
    path = await path_of(caller, kind)
    first = await caller.ask("POST", path, body, KEY)
    again = await caller.ask("POST", path, body, KEY)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    remapped = "x-gateway-model-remapped"
    assert first.header(remapped) == again.header(remapped)
    assert (await caller.get(path))["total"] == 1 + more
    other = await caller.ask("POST", path, body, {"idempotency-key": "A-2"})
    assert other.json["id"] != first.json["id"]


async def test_the_same_request_makes_one_fork(caller: Caller) -> None:
    session = await caller.post("/v1/sessions")
    path = f"/v1/sessions/{session['id']}/fork"
    first = await caller.ask("POST", path, {"title": "Fork"}, KEY)
    again = await caller.ask("POST", path, {"title": "Fork"}, KEY)
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    assert (await caller.get("/v1/sessions"))["total"] == 2
    other = await caller.ask("POST", path, {"title": "Another"}, KEY)
    assert (other.status, other.json["error"]["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("kind", ["projects", "sessions", "messages"])
async def test_of_many_at_once_one_is_made(caller: Caller, kind: str) -> None:
    path = await path_of(caller, kind)
    body = {"name": "App", **MESSAGE}
    answers = await asyncio.gather(*(caller.ask("POST", path, body, KEY) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1


async def test_the_key_of_another_request_is_refused(caller: Caller) -> None:
    await caller.ask("POST", "/v1/projects", {"name": "App"}, KEY)
    code = "idempotency_key_reused"
    refused(await caller.ask("POST", "/v1/projects", {"name": "Other"}, KEY), 409, code)
    refused(await caller.ask("POST", "/v1/projects", b'{"name": "App"}', KEY), 409, code)
    refused(await caller.ask("POST", "/v1/sessions", {"name": "App"}, KEY), 409, code)
    assert (await caller.get("/v1/projects"))["total"] == 2
    assert (await caller.get("/v1/sessions"))["total"] == 0


async def test_the_same_message_for_another_session_is_another_request(caller: Caller) -> None:
    one, two = await path_of(caller, "messages"), await path_of(caller, "messages")
    await caller.ask("POST", one, MESSAGE, KEY)
    refused(await caller.ask("POST", two, MESSAGE, KEY), 409, "idempotency_key_reused")


async def test_s9_somebody_elses_key_means_nothing(caller: Caller, other: Caller) -> None:
    mine = await caller.ask("POST", "/v1/projects", {"name": "App"}, KEY)
    theirs = await other.ask("POST", "/v1/projects", {"name": "Secret"}, KEY)
    assert theirs.status == 201
    assert theirs.json["id"] != mine.json["id"]


async def test_a_refused_request_does_not_use_its_key_up(caller: Caller) -> None:
    refused(await caller.ask("POST", "/v1/projects", {"name": ""}, KEY), 400)
    assert (await caller.ask("POST", "/v1/projects", {"name": "App"}, KEY)).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
@pytest.mark.parametrize("kind", ["projects", "sessions", "messages"])
async def test_a_key_that_is_none_is_refused(caller: Caller, kind: str, key: str) -> None:
    path = await path_of(caller, kind)
    body = {"name": "App", **MESSAGE}
    answer = await caller.ask("POST", path, body, {"idempotency-key": key})
    refused(answer, 400, "invalid_header", "Idempotency-Key")


async def test_a_key_of_255_characters_is_fine(caller: Caller) -> None:
    headers = {"idempotency-key": "~" * 255}
    assert (await caller.ask("POST", "/v1/projects", {"name": "App"}, headers)).status == 201
