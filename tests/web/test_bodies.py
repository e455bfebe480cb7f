"""Bodies are JSON, of bounded size, and arrive at a decent pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from claude_gateway.testing.raw import Connection, refused, request
from claude_gateway.web import bodies
from claude_gateway.web.app import Route
from claude_gateway.web.bodies import read_json_body

if TYPE_CHECKING:
    from tests.conftest import Serving


async def length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await read_json_body(request))))


ROUTES = [Route("POST", "/", length)]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/problem+json",
    ],
)
async def test_json_by_any_of_its_names_is_read(serving: Serving, kind: str) -> None:
    async with serving(routes=ROUTES) as app:
        answer = await app.ask("POST", "/", b"{}", {"content-type": kind})
    assert answer.body == b"2"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/plain;charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
    ],
)
async def test_s5_what_a_foreign_page_can_post_unasked_is_refused(
    serving: Serving, kind: str
) -> None:
    async with serving(routes=ROUTES) as app:
        answer = await app.ask("POST", "/", b"{}", {"content-type": kind})
        refused(answer, 415, "unsupported_media_type")
        assert "application/json" in answer.json["error"]["message"]


async def test_an_empty_body_of_the_right_kind_is_read(serving: Serving) -> None:
    headers = {"content-type": "application/json", "content-length": "0"}
    async with serving(routes=ROUTES) as app:
        assert (await app.ask("POST", "/", b"", headers)).body == b"0"


@pytest.mark.parametrize("size", [99, 100])
async def test_a_body_up_to_the_limit_is_read(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BODY", 100)
    async with serving(routes=ROUTES) as app:
        assert (await app.ask("POST", "/", b"x" * size)).body == str(size).encode()


async def test_a_larger_body_is_refused_by_its_length_before_it_is_sent(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BODY", 100)
    async with serving(routes=ROUTES) as app:
        refused(await app.ask("POST", "/", b"", LONG), 413, "request_too_large")


LONG = {"content-type": "application/json", "content-length": "101"}
CHUNKED = {"content-type": "application/json", "transfer-encoding": "chunked"}


async def test_a_larger_body_that_hides_its_length_is_refused_when_it_is_too_much(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BODY", 100)
    async with serving(routes=ROUTES) as app, Connection(app.port) as connection:
        await connection.send(request("POST", "/", headers=CHUNKED))
        await connection.send(b"65\r\n" + b"x" * 0x65 + b"\r\n")
        refused(await connection.response(), 413)


async def test_a_body_in_pieces_is_put_together(serving: Serving) -> None:
    async with serving(routes=ROUTES) as app, Connection(app.port) as connection:
        await connection.send(request("POST", "/", headers=CHUNKED))
        async with asyncio.timeout(2):
            while not app.gateway.live:  # it is waiting for the body
                await asyncio.sleep(0.001)
        for piece in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
            await connection.send(piece)
        assert (await connection.response()).body == b"5"


@pytest.mark.parametrize("begun", [b"", b"3\r\nabc\r\n"], ids=["nothing", "a beginning"])
async def test_a_body_that_stops_arriving_is_given_up(serving: Serving, begun: bytes) -> None:
    async with (
        serving(routes=ROUTES, GATEWAY_BODY_TIMEOUT="0.1") as app,
        Connection(app.port) as connection,
    ):
        await connection.send(request("POST", "/", headers=CHUNKED) + begun)
        answer = await connection.response()
        error = refused(answer, 408, "request_timeout")
    assert "stopped arriving for 0.1 s" in error["message"]


async def test_a_body_whose_encoding_is_broken_is_refused(serving: Serving) -> None:
    headers = {"content-encoding": "gzip"}
    async with serving(routes=ROUTES) as app, Connection(app.port) as connection:
        await connection.send(request("POST", "/", headers={**CHUNKED, **headers}))
        await connection.send(b"4\r\nnope\r\n0\r\n\r\n")
        refused(await connection.response(), 400)
