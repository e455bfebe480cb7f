"""Proxies that are believed, and those that are not, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from claude_gateway.testing.raw import Connection, Response, refused, request
from claude_gateway.web.app import PUBLIC, Route
from claude_gateway.web.peers import client_address

if TYPE_CHECKING:
    from tests.conftest import App, Serving

KEY = "gw-one"
PROXY = {"GATEWAY_TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}


async def where(request: web.Request) -> web.Response:
    return web.Response(text=str(client_address(request)))


ROUTES = [Route("GET", "/where", where, PUBLIC), Route("GET", "/private", where)]


async def asked(app: App, *forwarded: str, path: str = "/where", key: str = "") -> Response:
    """Ask with a header X-Forwarded-For for each value."""
    headers: list[tuple[str, str]] = [("X-Forwarded-For", value) for value in forwarded]
    if key:
        headers.append(("x-api-key", key))
    head = request("GET", path).rstrip(b"\r\n") + b"\r\n"
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers)
    async with Connection(app.port) as connection:
        await connection.send(head + lines + b"\r\n")
        return await connection.response()


async def test_s2_without_trusted_proxies_nobody_is_believed(serving: Serving) -> None:
    async with serving(routes=ROUTES) as app:
        assert (await asked(app, "203.0.113.7")).body == b"127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["203.0.113.7"], b"203.0.113.7"),
        (["127.0.0.1, 203.0.113.7"], b"203.0.113.7"),
        (["127.0.0.1", "203.0.113.7", "10.0.0.4"], b"203.0.113.7"),
        (["2001:db8::7"], b"2001:db8::7"),
        (["unknown"], b"127.0.0.1"),
        ([], b"127.0.0.1"),
    ],
)
async def test_s2_a_trusted_proxy_is_believed_as_far_as_it_is_known(
    serving: Serving, forwarded: list[str], address: bytes
) -> None:
    async with serving(routes=ROUTES, **PROXY) as app:
        assert (await asked(app, *forwarded)).body == address


@pytest.mark.parametrize("environment", [{}, PROXY], ids=["strange", "trusted"])
@pytest.mark.parametrize("forwarded", ["127.0.0.1", "::1", "203.0.113.7", "garbage", ""])
async def test_s2_what_came_through_a_proxy_is_never_the_local_owners(
    serving: Serving, environment: Mapping[str, str], forwarded: str
) -> None:
    async with serving(routes=ROUTES, GATEWAY_API_KEYS=KEY, **environment) as app:
        refused(await asked(app, forwarded, path="/private"), 401, "missing_api_key")
        assert (await asked(app, forwarded, path="/private", key=KEY)).status == 200


async def test_s2_a_trusted_proxy_that_says_nothing_is_not_taken_for_the_local_owner(
    serving: Serving,
) -> None:
    async with serving(routes=ROUTES, **PROXY) as app:
        refused(await asked(app, path="/private"), 401, "missing_api_key")
    async with serving(routes=ROUTES, GATEWAY_TRUSTED_PROXIES="10.0.0.0/8") as app:
        assert (await asked(app, path="/private")).status == 200


async def test_t36_the_log_says_where_a_refused_request_came_from(serving: Serving) -> None:
    async with serving(routes=ROUTES, GATEWAY_API_KEYS=KEY, **PROXY) as app:
        await asked(app, "6.6.6.6, 203.0.113.7", path="/private", key="CANARY")
        await asked(app, "203.0.113.7", path="/private", key=KEY)
    assert [line.get("peer") for line in app.lines] == ["203.0.113.7", None]
    assert "CANARY" not in str(app.lines)


async def test_s10_wrong_keys_are_counted_by_client_and_not_by_proxy(serving: Serving) -> None:
    few = {"GATEWAY_WRONG_KEYS": "2", "GATEWAY_WRONG_KEYS_SECONDS": "600"}
    async with serving(routes=ROUTES, GATEWAY_API_KEYS=KEY, **PROXY, **few) as app:
        for i in range(2):
            refused(await asked(app, "203.0.113.7", path="/private", key=f"wrong-{i}"), 401)
        late = await asked(app, "1.1.1.1, 203.0.113.7", path="/private", key="wrong")
        refused(late, 429, "too_many_wrong_keys")
        assert 590 <= int(late.header("retry-after") or 0) <= 600
        assert late.header("x-should-retry") == "false"
        refused(await asked(app, "203.0.113.8", path="/private", key="wrong"), 401)
        assert (await asked(app, "203.0.113.7", path="/private", key=KEY)).status == 200


async def test_s10_this_machine_is_counted_as_well_but_may_often_be_wrong(serving: Serving) -> None:
    async with serving(routes=ROUTES, GATEWAY_API_KEYS=KEY) as app:
        answers = [await asked(app, path="/private", key="wrong") for _ in range(31)]
    assert [answer.status for answer in answers] == [401] * 30 + [429]
