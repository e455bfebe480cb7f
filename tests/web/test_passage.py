"""How a request comes from its connection to its route."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from claude_gateway.testing.raw import Connection, chat_body, request
from claude_gateway.web.app import PUBLIC, Route
from claude_gateway.web.gateway import PERMIT, REQUEST_ID
from claude_gateway.web.incoming import Incoming

if TYPE_CHECKING:
    from tests.conftest import Serving


async def looked_at(request: web.Request) -> web.StreamResponse:
    assert isinstance(request, Incoming)
    clone = request.clone(method="PUT")
    assert clone.app is request.app
    assert clone[REQUEST_ID] == request[REQUEST_ID]
    assert PERMIT not in request
    assert request.get(PERMIT) is None
    return web.json_response({"named": request.match_info.get("name", "")})


ROUTES = (
    Route("GET", "/plain", looked_at, PUBLIC),
    Route("GET", "/of/{name}", looked_at, PUBLIC),
)


@pytest.mark.parametrize(
    ("target", "named"),
    [("/plain", ""), ("/plain?a=1", ""), ("/pl%61in", ""), ("/of/x", "x"), ("/of/a%2Fb", "a/b")],
)
async def test_a_route_is_found_with_and_without_variables(
    serving: Serving, target: str, named: str
) -> None:
    async with serving(routes=ROUTES) as app:
        answer = await app.ask("GET", target)
    assert (answer.status, answer.json) == (200, {"named": named})


@pytest.mark.parametrize("target", ["/plain/", "/plain/x", "/of/", "/of", "//plain"])
async def test_what_is_no_route_is_not_found(serving: Serving, target: str) -> None:
    async with serving(routes=ROUTES) as app:
        assert (await app.ask("GET", target)).status == 404


async def test_a_method_that_a_route_does_not_have_is_refused(serving: Serving) -> None:
    async with serving(routes=ROUTES) as app:
        answer = await app.ask("POST", "/plain", chat_body())
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"


@pytest.mark.parametrize("expects", ["100-continue", "a miracle"])
async def test_what_a_client_expects_is_heard_however_a_route_is_written(
    serving: Serving, expects: str
) -> None:
    async with serving(routes=ROUTES) as app:
        for target in ("/plain", "/plain?a=1", "/of/x"):
            async with Connection(app.port) as connection:
                await connection.send(request("GET", target, headers={"expect": expects}))
                first = await connection.head()
                assert first.status == (100 if expects == "100-continue" else 400)
                if first.status == 100:
                    assert (await connection.response()).status == 200
