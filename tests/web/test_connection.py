"""Half-sent headers are waited for a while and no longer; what is no HTTP gets the envelope."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web

from claude_gateway.testing.raw import Connection, chat_body, refused, request
from claude_gateway.web import connection as module
from claude_gateway.web import server
from claude_gateway.web.app import PUBLIC, Route, create_app

if TYPE_CHECKING:
    from tests.conftest import Scripted
    from tests.web.conftest import Run

HASTY = {"GATEWAY_HEADER_TIMEOUT": "0.15"}


async def closed_after(connection: Connection) -> float:
    """How long the gateway waits before it closes without a word."""
    began = time.monotonic()
    assert await connection.rest() == b""
    return time.monotonic() - began


@pytest.mark.parametrize(
    "begun", [b"", b"G", b"GET /health HTTP/1.1\r\nHost: localhost\r\n"], ids=["", "G", "head"]
)
async def test_headers_that_do_not_arrive_are_given_up(run: Run, begun: bytes) -> None:
    async with run(**HASTY) as running, Connection(running.port) as connection:
        await connection.send(begun)
        assert 0.1 < await closed_after(connection) < 2


async def test_a_second_request_has_as_much_time_as_the_first(run: Run) -> None:
    async with run(**HASTY) as running, Connection(running.port) as connection:
        await connection.send(request("GET", "/health"))
        assert (await connection.response()).status == 200
        await asyncio.sleep(0.3)  # idle, which is allowed
        await connection.send(b"GET /health HTTP/1.1\r\n")
        assert 0.1 < await closed_after(connection) < 2


async def test_a_slow_answer_is_no_slow_header(run: Run, scripted: type[Scripted]) -> None:
    go = asyncio.Event()
    script = scripted.saying("Hello")
    async with (
        run(scripted([go, *script]), **HASTY) as running,
        Connection(running.port) as connection,
    ):
        await connection.send(request("POST", "/v1/chat/completions", chat_body(model="m")))
        await asyncio.sleep(0.3)
        go.set()
        assert (await connection.response()).status == 200


async def test_in_a_crowd_there_is_less_patience(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CROWD", 0)
    monkeypatch.setattr(module, "IN_A_CROWD", 10)
    async with run(GATEWAY_HEADER_TIMEOUT="1") as running, Connection(running.port) as connection:
        assert await closed_after(connection) < 0.6


@pytest.mark.parametrize(
    "raw",
    [
        b"CANARY\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-api-key: CANARY\x7f\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: CANARY\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5 + b"x: " + b"y" * 10_000 + b"\r\n\r\n",
    ],
    ids=["word", "control", "version", "length", "long"],
)
async def test_s11_what_is_no_http_gets_the_envelope_and_is_not_repeated(
    run: Run, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with run() as running, Connection(running.port) as connection:
        await connection.send(raw)
        answer = await connection.response()
        assert await connection.rest() == b""
    long = len(raw) > 8190
    refused(answer, 431 if long else 400, "headers_too_large" if long else "invalid_http_request")
    assert b"CANARY" not in answer.body
    assert answer.header("access-control-allow-origin") == "*"
    (record,) = [r for r in caplog.records if r.name == module.log.name]
    assert record.getMessage() == "a request could not be read"
    assert record.__dict__["request_id"] == answer.header("x-request-id")
    assert "CANARY" not in str(record.__dict__)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_s11_the_broken_rest_of_a_body_that_was_refused_is_one_line_in_the_log(
    run: Run, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    head = {"content-type": "application/json", "transfer-encoding": "chunked"}
    raw = request("POST", "/v1/messages", b"", {**head, "content-encoding": encoding})
    async with run(GATEWAY_AUTH="required") as running, Connection(running.port) as connection:
        await connection.send(raw)
        refused(await connection.response(), 401)
        await connection.send(b"6\r\nCANARY\r\n")
        assert await connection.rest() == b""
    (record,) = [r for r in caplog.records if r.name == module.log.name]
    assert record.getMessage() == "the rest of a request could not be read"
    assert record.exc_info is None


async def test_a_handler_that_answers_nothing_is_a_500_in_the_envelope(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(request: web.Request) -> web.Response:
        return cast("web.Response", None)

    routes = [Route("GET", "/", nothing, PUBLIC)]
    monkeypatch.setattr(server, "create_app", partial(create_app, routes=routes))
    async with run() as running:
        refused(await running.ask("GET", "/"), 500, "internal_error")
