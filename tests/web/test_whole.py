"""Answers in one piece: the same bytes whoever writes them, and nothing that aiohttp would not send."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from claude_gateway.testing.raw import Connection, Response, refused, request
from claude_gateway.web import connection as connections
from claude_gateway.web import server, whole
from claude_gateway.web.app import PUBLIC, Route, create_app
from claude_gateway.web.replies import bytes_reply, json_reply, size_of
from claude_gateway.web.whole import Whole

if TYPE_CHECKING:
    from claude_gateway.web.connection import Connection as Served
    from tests.web.conftest import Run

# What differs between two answers to the same request.
CHANGING = re.compile(rb"(?m)^(Date|(?:x-)?request-id|Server-Timing): .*\r\n")


async def plain(_request: web.Request) -> web.StreamResponse:
    return json_reply({"a": 1})


async def wrong(_request: web.Request) -> web.StreamResponse:
    return json_reply({"a": 1}, 400)


async def closing(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.force_close()
    return reply


async def headed(_request: web.Request) -> web.StreamResponse:
    return json_reply({"a": 1}, headers={"x-a": "b"})


async def changed(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.headers["Server"] = "another"
    reply.headers["Vary"] = "x-a"
    return reply


async def cookie(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.set_cookie("a", "b")
    return reply


async def deflated(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.enable_compression(web.ContentCoding.deflate)
    return reply


async def chunked(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.enable_chunked_encoding()
    return reply


async def other_status(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.set_status(202, "Heard")
    return reply


async def other_body(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.body = b"{}"
    return reply


async def other_kind(_request: web.Request) -> web.StreamResponse:
    reply = json_reply({"a": 1})
    reply.content_type = "application/problem+json"
    return reply


async def unchanged(_request: web.Request) -> web.StreamResponse:
    return bytes_reply(b"", 304)


async def nothing(_request: web.Request) -> web.StreamResponse:
    return bytes_reply(b"", 204)


async def empty(_request: web.Request) -> web.StreamResponse:
    return bytes_reply(b"")


async def injecting(_request: web.Request) -> web.StreamResponse:
    return json_reply({"a": 1}, headers={"x-a": "b\r\nx-injected: 1"})


async def large(_request: web.Request) -> web.StreamResponse:
    return bytes_reply(b" " * 2**20 + b"{}")


KEY = web.ResponseKey("key", int)
HANDLERS = (
    *(plain, wrong, closing, headed, changed, cookie, deflated, chunked),
    *(other_status, other_body, other_kind, unchanged, nothing, empty, injecting, large),
)
SAME = [handler.__name__ for handler in HANDLERS if handler not in (injecting, large)]
WAYS = {
    "one of many": request("GET", "/{}"),
    "the last": request("GET", "/{}", headers={"connection": "close"}),
    "old": request("GET", "/{}").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "old, one of many": request("GET", "/{}", headers={"connection": "keep-alive"}).replace(
        b"HTTP/1.1", b"HTTP/1.0"
    ),
    "of a page": request("GET", "/{}", headers={"origin": "https://app.example"}),
}


@pytest.fixture(autouse=True)
def _routes(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = [Route("GET", f"/{handler.__name__}", handler, PUBLIC) for handler in HANDLERS]
    monkeypatch.setattr(server, "create_app", partial(create_app, routes=routes))


async def answered(port: int, data: bytes) -> tuple[list[bytes], bytes, bool]:
    """An answer without what always differs, and whether the connection stays open behind it."""
    async with Connection(port) as connection:
        await connection.send(data)
        response = await connection.response(bodiless=data.startswith(b"HEAD"))
        await connection.send(request("GET", "/plain", headers={"connection": "close"}))
        stays = bool(await connection.rest())
    return sorted(CHANGING.sub(b"", response.head).split(b"\r\n")), response.body, stays


@pytest.mark.parametrize(
    ("named", "way"),
    [
        (named, way)
        for named in SAME
        for way in WAYS
        if named != "chunked" or not way.startswith("old")  # HTTP/1.0 has no chunks
    ],
)
async def test_an_answer_is_the_same_whoever_writes_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, named: str, way: str
) -> None:
    data = WAYS[way].replace(b"{}", named.encode())
    async with run() as running:
        ours = await answered(running.port, data)
        monkeypatch.setattr(whole, "LARGEST", -1)  # all are written by aiohttp
        assert ours == await answered(running.port, data)


@pytest.mark.parametrize("named", ["plain", "wrong", "closing", "headed"])
async def test_the_answer_to_head_has_no_body(run: Run, named: str) -> None:
    async with run() as running:
        head, _, _ = await answered(running.port, request("HEAD", f"/{named}"))
        assert b"Content-Length: 7" in head
        assert head == (await answered(running.port, request("GET", f"/{named}")))[0]


async def test_an_answer_leaves_in_one_write_and_is_logged_with_its_size(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(Whole, "gone", lambda _answer, size: sizes.append(size))
    async with run() as running:
        answer = await running.ask("GET", "/plain")
        lines = [line["bytes_out"] for line in running.lines]
    assert sizes == [len(answer.head) + len(answer.body)]
    assert lines == [len(answer.body)]


async def test_a_header_that_would_end_its_line_is_never_sent(run: Run) -> None:
    async with run() as running, Connection(running.port) as connection:
        await connection.send(request("GET", "/injecting"))
        assert b"injected" not in await connection.rest()


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "a\x7fb"])
def test_a_signature_that_would_end_its_line_is_left_to_aiohttp_to_refuse(value: str) -> None:
    answer = json_reply({"a": 1})
    assert isinstance(answer, Whole)
    assert answer.written(message(), lambda: [("x-a", "b"), ("x-b", value)]) is None
    assert answer.written(message(), lambda: [("x-a", "b\tc"), ("x-b", "ü")]) is not None


async def test_many_requests_at_once_are_answered_in_their_order(run: Run) -> None:
    order = ["plain", "headed", "wrong", "plain", "empty", "large", "plain"] * 10
    async with run() as running, Connection(running.port) as connection:
        await connection.send(b"".join(request("GET", f"/{name}") for name in order))
        answers = [await connection.response() for _ in order]
    assert [told(answer) for answer in answers] == [expected(name) for name in order]


def told(answer: Response) -> tuple[int, int, bool]:
    return answer.status, len(answer.body), answer.header("x-a") is not None


def expected(name: str) -> tuple[int, int, bool]:
    size = {"large": 2**20 + 2, "empty": 0}.get(name, 7)
    return 400 if name == "wrong" else 200, size, name == "headed"


async def test_an_answer_waits_while_the_client_does_not_take_those_before_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Served] = []
    left = connections.Connection._left

    async def waited(connection: Served, answer: Whole, data: bytes) -> bool:
        if not served:
            served.append(connection)
            connection.pause_writing()
        return await left(connection, answer, data)

    monkeypatch.setattr(connections.Connection, "_left", waited)
    async with run() as running, Connection(running.port) as connection:
        await connection.send(request("GET", "/plain") * 2)
        assert (await connection.response()).status == 200
        assert len(running.lines) == 1  # the second has not even been looked at
        served[0].resume_writing()
        assert (await connection.response()).status == 200


async def test_a_client_that_left_before_its_answer_is_no_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ends: list[bool] = []
    left = connections.Connection._left

    async def gone(connection: Served, answer: Whole, data: bytes) -> bool:
        assert connection.transport is not None
        connection.transport.close()
        ends.append(await left(connection, answer, data))
        connection.transport = None
        ends.append(await left(connection, answer, data))
        return ends[-1]

    monkeypatch.setattr(connections.Connection, "_left", gone)
    async with run() as running, Connection(running.port) as connection:
        await connection.send(request("GET", "/plain"))
        assert await connection.rest() == b""
    assert ends == [True, True]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_client_that_leaves_while_its_answer_waits_is_no_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = connections.Connection._left

    async def waited(connection: Served, answer: Whole, data: bytes) -> bool:
        connection.pause_writing()
        lost = ConnectionResetError("gone")
        asyncio.get_running_loop().call_soon(connection.connection_lost, lost)
        return await left(connection, answer, data)

    monkeypatch.setattr(connections.Connection, "_left", waited)
    async with run() as running, Connection(running.port) as connection:
        await connection.send(request("GET", "/plain"))
        async with asyncio.timeout(5):
            await connection.rest()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_what_is_not_found_is_in_the_envelope_and_of_the_right_length(run: Run) -> None:
    async with run() as running:
        refused(await running.ask("GET", "/nowhere"), 404, "not_found")


def test_the_size_of_an_answer_is_that_of_its_body_until_something_else_is_said() -> None:
    answer = json_reply({"a": 1})
    assert size_of(answer) == 7
    answer.body = None
    assert size_of(answer) == 0
    assert size_of(web.StreamResponse()) == 0


def test_an_answer_is_all_that_aiohttps_own_is_when_somebody_asks() -> None:
    answer = json_reply({"a": 1}, 201)
    answer[KEY] = 1
    answer.headers["x-a"] = "b"
    assert (answer[KEY], answer.text, answer.status, answer.reason) == (
        1,
        '{"a":1}',
        201,
        "Created",
    )
    assert dict(answer.headers) == {"Content-Type": "application/json", "x-a": "b"}
    assert vars(answer).keys() >= vars(web.Response(body=b"")).keys()


def message() -> RawRequestMessage:
    """What aiohttp reads of a request."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(None, loop, 2**16)
        ((read, _),), _, _ = parser.feed_data(request("GET", "/plain"))
    finally:
        loop.close()
    return read
