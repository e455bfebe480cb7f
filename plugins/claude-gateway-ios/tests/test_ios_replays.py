"""What the app sends again by itself costs one of whatever it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest
from claude_gateway_ios.testing import ChatConsole, EnhancedSSEClient, Phone

from claude_gateway.testing import FakeAnthropic, Hang, Stream
from claude_gateway.testing.raw import Connection, Response, request
from claude_gateway.testing.wire import text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

Fresh = Callable[[], str]
STORM = 7  # requests that one call can become


async def test_a_storm_of_creations_makes_one_project_and_one_session(phone: Phone) -> None:
    for path, body in (
        ("/v1/projects", {"name": f"Storm {uuid4()}", "description": ""}),
        ("/v1/sessions", {"project_id": "default", "model": "gpt-4", "title": str(uuid4())}),
    ):
        headers = {"X-Request-ID": str(uuid4()).upper(), "Accept": "application/json"}
        storm = [phone.ask("POST", path, body, headers) for _ in range(STORM)]
        answers = await asyncio.gather(*storm)
        assert {answer.status for answer in answers} == {201}
        assert len({answer.json["id"] for answer in answers}) == 1
        assert {answer.header("x-request-id") for answer in answers} == {headers["X-Request-ID"]}
        listed = (await phone.ask("GET", path)).json
        assert [row["id"] for row in listed].count(answers[0].json["id"]) == 1


async def test_a_storm_of_turns_is_one_turn(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    headers = {"X-Request-ID": str(uuid4()).upper()}
    body = phone.turn("Hello", session, stream=False)
    storm = [phone.ask("POST", phone.chat_path, body, headers) for _ in range(STORM)]
    answers = await asyncio.gather(*storm)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(upstream.turns) == 1


async def test_ids_that_are_no_uuids_are_names_of_requests_and_nothing_more(phone: Phone) -> None:
    headers = {"X-Request-ID": "same-for-all"}
    for name in ("A", "B"):
        response = await phone.ask("POST", "/v1/projects", {"name": name}, headers)
        assert response.status == 201


async def test_the_same_words_sent_twice_by_a_person_are_two_turns(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    for _ in range(2):
        assert (await phone.stream("Go on", session)).status == 200
    assert len(upstream.turns) == 2


def console(*clients: EnhancedSSEClient) -> ChatConsole:
    return ChatConsole().show([event for client in clients for event in client.events])


async def listen(
    phone: Phone,
    client: EnhancedSSEClient,
    session: str,
    upto: bytes = b"",
    on_disconnect: str | None = None,
) -> int:
    """Send a turn as the other reader does, and lose the connection behind some words."""
    body = phone.turn("Hello", session, on_disconnect=on_disconnect)
    headers = {**phone.headers(stream=True), **client.headers}
    async with Connection(phone.port) as connection:
        await connection.send(request("POST", phone.chat_path, body, headers))
        head = await connection.head()
        if head.header("content-length"):
            client.feed(
                await connection._reader.readexactly(int(head.header("content-length") or 0))
            )
            return head.status
        while chunk := await connection.chunk():
            client.feed(chunk)
            if upto and upto in chunk:
                break
    client.cut()
    return head.status


async def test_t28_a_stream_that_is_asked_for_again_goes_on_and_is_one_run(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    """With `on_disconnect: detach`, as a key can have it, nothing at all is lost."""
    session, client, go_on = fresh(), EnhancedSSEClient(), asyncio.Event()
    frames = text_stream("Half an", " answer", ".")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
    await listen(phone, client, session, b"Half an", on_disconnect="detach")
    assert client.last_id is not None
    go_on.set()
    assert await listen(phone, client, session, on_disconnect="detach") == 200
    assert client.done
    assert console(client).text == "Half an answer."
    assert len(upstream.turns) == 1


async def test_t28_a_stream_that_was_hung_up_on_is_not_bought_again(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session, client = fresh(), EnhancedSSEClient()
    upstream.script(Stream([*text_stream("Half an")[:4], Hang()]))
    await listen(phone, client, session, b"Half an")
    await upstream.wait_closed()
    while not client.done:
        assert await listen(phone, client, session) == 200
    assert console(client).text == "Half an"
    assert len(upstream.turns) == 1


async def test_t28_whatever_was_seen_the_rest_comes_in_the_same_bytes(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    whole = await phone.stream("Hello", session)
    events = [event + b"\n\n\n" for event in whole.body.split(b"\n\n\n")[:-1]]
    for i, event in enumerate(events):
        number = event.split(b"\n")[0].removeprefix(b"id: ").decode()
        again = await phone.stream("Hello", session, {"Last-Event-ID": number})
        assert again.body == b"".join(events[i + 1 :]), number
        path = f"/v1/runs/{number.partition('.')[0]}/events"
        seen = await phone.ask("GET", path, headers={"Last-Event-ID": number})
        assert seen.body == again.body
    assert len(upstream.turns) == 1


@pytest.mark.parametrize("number", ["run_00000000000000000000000000000000.3"])
async def test_s8_the_rest_of_what_is_somebody_elses_is_not_shown_and_ends_the_storm(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh, number: str
) -> None:
    mine = await phone.stream("Hello", fresh())
    theirs = mine.body.split(b"\n")[0].removeprefix(b"id: ").decode()
    other = Phone(phone.port, "C4", "gw-CANARY-other")
    for last in (number, theirs):
        client = EnhancedSSEClient()
        client.last_id = last
        assert await listen(other, client, fresh()) == 404
        assert client.done
    assert len(upstream.turns) == 1


@pytest.mark.parametrize("number", ["5", "run_x.5", "run_00.x", "", "run_00.5; DROP TABLE runs"])
async def test_a_number_that_is_none_of_ours_begins_a_turn(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh, number: str
) -> None:
    shown = await phone.stream("Hello", fresh(), {"Last-Event-ID": number})
    assert shown.status == 200
    assert len(upstream.turns) == 1


async def test_a_refusal_ends_a_storm_of_streams(phone: Phone) -> None:
    client = EnhancedSSEClient()
    headers = {**phone.headers(stream=True), **client.headers, "Authorization": "Bearer gw-wrong"}
    async with Connection(phone.port) as connection:
        body = phone.turn("Hello", None)
        await connection.send(request("POST", phone.chat_path, body, headers))
        refusal: Response = await connection.response()
    client.feed(refusal.body)
    assert (refusal.status, client.done) == (401, True)
