"""The app's two readers of streams, against the real gateway: what a person sees in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest
import pytest_asyncio
from claude_gateway_ios.testing import ChatConsole, Crashed, EnhancedSSEClient, Phone, SSEClient

from claude_gateway.testing import (
    Cut,
    FakeAnthropic,
    GatewayProcess,
    Hang,
    Reply,
    Stream,
    answering,
)
from claude_gateway.testing.raw import Connection, Response, ask, request
from claude_gateway.testing.wire import error, error_event, text, text_stream, thinking, tool_use

pytestmark = pytest.mark.asyncio(loop_scope="session")

Fresh = Callable[[], str]
END = b"\n\n\n"


def seen(phone: Phone, response: Response, session: str | None = None) -> ChatConsole:
    """Read a stream by either reader, cut in several ways; both must see the same."""
    clients = []
    for pieces in (response.chunks, [response.body], [bytes([b]) for b in response.body]):
        client = SSEClient()
        for piece in pieces:
            client.feed(piece)
        clients.append(client)
    other = EnhancedSSEClient()
    for chunk in response.chunks:
        other.feed(chunk)
    assert other.done
    assert all(client.done for client in clients)
    assert {tuple(client.events) for client in clients} == {tuple(other.events)}
    return ChatConsole(first=phone.commit == "C1", session=session).show(other.events)


async def test_an_answer_is_shown_and_its_session_adopted(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    mine = None if each.commit == "C1" else fresh()
    shown = await each.stream("Hello", mine)
    assert shown.status == 200
    console = seen(each, shown)
    assert console.text.startswith("Hello")
    assert console.session == mine or (mine is None and console.session)
    assert console.tokens is not None
    assert console.tokens > 0
    assert console.cost is not None
    again = seen(each, await each.stream("Again", console.session))
    assert again.session == console.session


async def test_t29_every_event_ends_in_three_line_feeds_in_one_write(
    each: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    shown = await each.stream("Hello", fresh())
    assert shown.body.endswith(b"data: [DONE]" + END)
    assert b"\r" not in shown.body
    for chunk in shown.chunks:
        assert chunk.endswith(END)
        for event in chunk.removesuffix(END).split(END):
            lines = event.split(b"\n")
            assert all(lines), event
            assert sum(line.startswith(b"data: ") for line in lines) == 1
    assert shown.header("content-type") == "text/event-stream; charset=utf-8"
    assert shown.header("x-accel-buffering") == "no"


async def test_two_line_feeds_would_crash_the_other_reader() -> None:
    """The model of it has the mistake that the third line feed is for."""
    client = EnhancedSSEClient()
    with pytest.raises(Crashed):
        client.feed(b"data: 1\n\n")
    client = EnhancedSSEClient()
    client.feed(b"data: 1\n\ndata: 2\n\n\ndata: 3\n\n\n")
    assert client.events == ["1", "3"]  # the second one had lost its first byte


async def test_tools_are_rows_with_what_they_gave_and_the_usage_is_of_all_rounds(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    made = (await phone.ask("POST", "/v1/sessions", {"model": "gpt-4"})).json
    await phone.ask(
        "POST", f"/v1/sessions/{made['id']}/tools", {"tools": ["list_directory", "read_file"]}
    )
    look = tool_use("mcp_filesystem__list_directory", "{}", id="toolu_a")
    read = tool_use("mcp_filesystem__read_file", '{"path":"no.txt"}', id="toolu_b")
    upstream.script(
        answering(thinking("Hm."), text("Let me look."), look, read, stop_reason="tool_use"),
        answering(text(" It is empty.")),
    )
    shown = await phone.stream("Look", made["id"])
    console = seen(phone, shown, made["id"])
    assert console.text == "Let me look. It is empty."
    good, bad = console.tools["toolu_a"], console.tools["toolu_b"]
    assert (good.name, good.input, good.state) == (
        "mcp_filesystem__list_directory",
        {},
        "completed",
    )
    assert good.duration_ms is not None
    assert bad.input == {"path": "no.txt"}
    assert bad.state == "failed"
    assert bad.content
    assert console.tokens == 2 * 15
    for event in shown.body.split(END)[:-2]:
        assert b'"choices":[{"index":0,"delta":{' in event, event


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_refusal_of_a_stream_is_a_real_status_that_can_be_read(
    phone: Phone, commit: str, upstream: FakeAnthropic, status: int
) -> None:
    words = {400: "", 401: "Hello", 404: "Hello"}[status]
    caller = Phone(phone.port, commit, "gw-wrong" if status == 401 else phone.key)
    body = caller.turn(words, None)
    if status == 404:
        body["model"] = "llama-3"
    if status == 400:
        body["messages"] = []
    headers = caller.headers(stream=True)
    if status == 401:  # the newest commit sends no key, and then comes from another machine
        headers["Authorization"] = "Bearer gw-wrong"
    shown = await ask(caller.port, "POST", caller.chat_path, body, headers)
    assert shown.status == status
    assert (shown.header("content-type") or "").startswith("text/event-stream")
    console = seen(caller, shown)
    assert console.text.startswith("⚠️ ")
    assert len(console.text) > 20
    assert b'"status":%d' % status in shown.body


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "application/json"])
@pytest.mark.parametrize("key", ["gw-wrong", ""])
async def test_a_refusal_of_what_is_no_stream_is_the_envelope(
    phone: Phone, accept: str, key: str
) -> None:
    headers = {"Accept": accept, **({"Authorization": f"Bearer {key}"} if key else {})}
    body = {**phone.turn("Hello", None, stream=False), "messages": []}
    response = await phone.ask("POST", phone.chat_path, body, headers)
    assert response.status == (401 if key else 400)
    assert set(response.json["error"]) >= {"code", "message", "status", "type", "param"}
    stream = {**body, "stream": True}
    curl = {**headers, "User-Agent": "curl/8.5.0", "x-gateway-profile": "ios"}
    told = await phone.ask("POST", phone.chat_path, stream, curl)
    assert (b"[DONE]" in told.body) is (accept == "text/event-stream")
    plain = await phone.ask(
        "POST", phone.chat_path, {**body, "stream": True}, {"Accept": "application/json"}
    )
    assert plain.json["error"]["status"] == 400


async def test_a_busy_session_says_so_in_the_stream(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session = fresh()
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    async with Connection(phone.port) as connection:
        await connection.send(phone.request("Hello", session))
        await until(connection, b"Hel")
        busy = await phone.stream("And?", session)
        assert busy.status == 409
        assert "⚠️" in seen(phone, busy).text


@pytest.mark.parametrize(
    ("after", "status"), [(Reply(529, error("overloaded_error", "Overloaded")), 503), (Cut(), 502)]
)
async def test_an_upstream_that_fails_at_once_is_a_status_that_can_be_read(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh, after: Reply | Cut, status: int
) -> None:
    upstream.script(after if isinstance(after, Reply) else Stream([after]))
    shown = await phone.stream("Hello", fresh())
    assert shown.status == status
    assert seen(phone, shown).text.startswith("⚠️ ")


async def test_t16_an_answer_that_breaks_off_says_so_and_ends(
    each: Phone, gateway: GatewayProcess, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    caller = Phone(gateway.port, each.commit, each.key)
    upstream.script(Stream([*text_stream("Half an")[:4], error_event()]))
    shown = await caller.stream("Hello", fresh())
    assert shown.status == 200
    assert seen(caller, shown).text.startswith("Half an⚠️ ")
    assert b'"finish_reason":"stop"' not in shown.body


async def test_t24_hanging_up_stops_the_answer_and_keeps_its_beginning(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    """The app's Stop button does nothing else."""
    session = fresh()
    upstream.script(Stream([*text_stream("Half an")[:4], Hang()]))
    async with Connection(phone.port) as connection:
        await connection.send(phone.request("Hello", session))
        await until(connection, b"Half an")
    assert await upstream.wait_closed() < 1
    path = f"/v1/sessions/{session}/messages"
    async with asyncio.timeout(5):
        while len(found := (await phone.ask("GET", path)).json["messages"]) < 2:
            await asyncio.sleep(0.02)
    assert [message["content"] for message in found] == ["Hello", "Half an"]


async def test_t24_an_app_that_wants_it_lets_its_answer_go_on(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    session, go_on = fresh(), asyncio.Event()
    frames = text_stream("Half an", " answer")
    upstream.script(Stream([*frames[:4], go_on, *frames[4:]]))
    body = phone.turn("Hello", session, on_disconnect="detach")
    async with Connection(phone.port) as connection:
        await connection.send(request("POST", phone.chat_path, body, phone.headers(stream=True)))
        await until(connection, b"Half an")
    go_on.set()
    path = f"/v1/sessions/{session}/messages"
    async with asyncio.timeout(5):
        while len(found := (await phone.ask("GET", path)).json["messages"]) < 2:
            await asyncio.sleep(0.02)
    assert found[1]["content"] == "Half an answer"


async def test_the_first_commits_stop_ends_its_open_stream_as_if_it_were_over(
    phone: Phone, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    first, session = Phone(phone.port, "C1", phone.key), fresh()
    upstream.script(Stream([*text_stream("Half an")[:4], Hang()]))
    async with Connection(first.port) as connection:
        await connection.send(first.request("Hello", session))
        heard = await until(connection, b"Half an")
        stopped = await first.ask("DELETE", f"/v1/chat/completions/{session}")
        assert stopped.json["status"] == "stopped"
        chunks = [heard]
        while chunk := await connection.chunk():
            chunks.append(chunk)
    shown = Response(200, b"", tuple(chunks))
    assert seen(first, shown).text == "Half an"
    assert b'"finish_reason":"stop"' in shown.body
    assert b'"error"' not in shown.body


async def test_t27_comments_while_nothing_is_said_harm_neither_reader(
    impatient: GatewayProcess, upstream: FakeAnthropic, fresh: Fresh
) -> None:
    phone, go_on = Phone(impatient.port), asyncio.Event()
    frames = text_stream("Hello")
    upstream.script(Stream([go_on, *frames]))
    async with Connection(phone.port) as connection:
        await connection.send(phone.request("Hello", fresh()))
        assert (await connection.head()).status == 200
        chunks = [await connection.chunk(), await connection.chunk()]
        assert chunks == [b": ping" + END] * 2
        go_on.set()
        while chunk := await connection.chunk():
            chunks.append(chunk)
    assert seen(phone, Response(200, b"", tuple(chunks))).text == "Hello"


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(fake: FakeAnthropic) -> AsyncGenerator[GatewayProcess]:
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-a",
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_HEARTBEAT": "0.1",
    }
    async with GatewayProcess(env) as gateway:
        yield gateway


async def until(connection: Connection, words: bytes) -> bytes:
    """Read a stream up to some words; the head is read if it has not been."""
    heard = b""
    assert (await connection.head()).status == 200
    while words not in heard:
        heard += await connection.chunk()
    return heard
