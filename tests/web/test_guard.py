"""What every request passes: request id → errors → Host → authentication."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import pytest
from aiohttp import web

from claude_gateway import GatewayError, InvalidRequest, Overloaded, RateLimited, Unavailable
from claude_gateway.testing.raw import Connection, refused, request
from claude_gateway.web.app import NATIVE, PUBLIC, ROUTES, Route
from claude_gateway.web.gateway import PRINCIPAL, REQUEST_ID, RouteRule

if TYPE_CHECKING:
    from tests.conftest import Serving

KEY = "gw-one"


async def who(request: web.Request) -> web.Response:
    principal = request.get(PRINCIPAL)
    return web.Response(text=f"{principal.id if principal else 'nobody'} {request[REQUEST_ID]}")


def raising(error: BaseException, rule: RouteRule = PUBLIC) -> list[Route]:
    async def handler(request: web.Request) -> NoReturn:
        raise error

    return [Route("GET", "/", handler, rule)]


WHO = [Route("GET", "/private", who), Route("GET", "/public", who, PUBLIC)]


def test_only_what_must_be_is_public() -> None:
    assert {route.path for route in ROUTES if route.rule.public} == {"/", "/health", "/readiness"}


async def test_s2_every_route_of_the_app_has_a_rule(serving: Serving) -> None:
    async with serving() as app:
        assert len(app.gateway.rules) == sum(2 if r.method == "GET" else 1 for r in ROUTES)


@pytest.mark.parametrize("mode", ["local", "required", "open"])
async def test_a_private_route_knows_who_asks(serving: Serving, mode: str) -> None:
    async with serving(routes=WHO, GATEWAY_AUTH=mode, GATEWAY_API_KEYS=KEY) as app:
        keyed = await app.ask("GET", "/private", b"", {"x-api-key": KEY})
        assert keyed.body.startswith(b"key_")
        bare = await app.ask("GET", "/private")
        if mode == "required":
            refused(bare, 401, "missing_api_key")
            assert bare.header("www-authenticate") == "Bearer"
        else:
            assert bare.body.startswith(b"owner ")


async def test_a_public_route_asks_nobody_even_with_a_wrong_key(serving: Serving) -> None:
    async with serving(routes=WHO, GATEWAY_AUTH="required") as app:
        answer = await app.ask("GET", "/public", b"", {"x-api-key": "wrong"})
    assert answer.body.startswith(b"nobody ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer   {KEY} "}, 200),
        ({"x-api-key": KEY, "authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": KEY}, 401),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": ""}, 401),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": f"{KEY},{KEY}"}, 401),
        ({"x-api-key": KEY, "authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "wrong", "authorization": f"Bearer {KEY}"}, 401),
    ],
    ids=str,
)
async def test_a_credential_that_is_present_must_be_right(
    serving: Serving, headers: Mapping[str, str], status: int
) -> None:
    async with serving(routes=WHO, GATEWAY_API_KEYS=KEY) as app:
        assert (await app.ask("GET", "/private", b"", headers)).status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"x-real-ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"host": "192.168.1.2"},
    ],
    ids=str,
)
async def test_s5_what_was_relayed_or_comes_from_elsewhere_is_not_local(
    serving: Serving, headers: Mapping[str, str]
) -> None:
    async with serving(routes=WHO) as app:
        refused(await app.ask("GET", "/private", b"", headers), 401)
        assert (await app.ask("GET", "/public", b"", headers)).status == 200


@pytest.mark.parametrize("path", ["/private", "/public", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_s5_the_host_is_checked_on_every_route(
    serving: Serving, path: str, method: str
) -> None:
    async with serving(routes=WHO, GATEWAY_ALLOWED_HOSTS="Box.Example") as app:
        refused(await app.ask(method, path, b"", {"host": "evil.example"}), 403, "host_not_allowed")
        refused(await app.ask(method, path, b"", {"host": "localhost:4000/#@x"}), 400)
        assert (await app.ask("GET", "/public", b"", {"host": "box.example:80"})).status == 200


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("hosts", [b"", b"host: localhost\r\nhost: localhost\r\n"])
async def test_s2_there_is_one_host_and_no_other(
    serving: Serving, hosts: bytes, version: bytes
) -> None:
    async with serving(routes=WHO) as app, Connection(app.port) as connection:
        await connection.send(b"GET /public HTTP/%b\r\n%b\r\n" % (version, hosts))
        assert (await connection.response()).status == 400


async def test_a_preflight_needs_no_key_and_has_no_body(serving: Serving) -> None:
    async with serving(routes=WHO, GATEWAY_AUTH="required") as app:
        answer = await app.ask("OPTIONS", "/private", b"", {"x-api-key": "wrong"})
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("abc-1.2:3_4", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("-a", False),
        ("a b", False),
        ("a\tb", False),
        ("a;DROP TABLE", False),
        ("ä", False),
    ],
    ids=ascii,
)
async def test_a_sane_request_id_is_kept(serving: Serving, asked: str, kept: bool) -> None:
    async with serving(routes=WHO) as app:
        answer = await app.ask("GET", "/public", b"", {"x-request-id": asked})
    name = answer.header("x-request-id")
    assert name == answer.header("request-id") == app.lines[0]["request_id"]
    assert answer.body.decode() == f"nobody {name}"
    assert (name == asked) is kept
    assert kept or str(name).startswith("req_")


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (InvalidRequest("No.", param="x"), 400, {"x-should-retry": "false", "retry-after": None}),
        (
            RateLimited("Slow.", retry_after=1.2),
            429,
            {"retry-after": "2", "x-should-retry": "true"},
        ),
        (Unavailable("No.", should_retry=False), 503, {"x-should-retry": "false"}),
        (web.HTTPNotFound(), 404, {}),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, {"connection": "close"}),
        (web.HTTPGone(), 400, {}),
    ],
    ids=["wrong", "late", "unavailable", "missing", "large", "odd"],
)
async def test_what_a_handler_raises_becomes_the_envelope(
    serving: Serving, error: Exception, status: int, headers: Mapping[str, str | None]
) -> None:
    async with serving(routes=raising(error)) as app:
        answer = await app.ask("GET", "/")
    refused(answer, status, param="x" if isinstance(error, InvalidRequest) else None)
    for name, value in headers.items():
        assert answer.header(name) == value
    assert app.lines[0]["status"] == status


@pytest.mark.parametrize(("rule", "status"), [(NATIVE, 529), (RouteRule(), 503)])
async def test_each_dialect_has_its_status_for_overload(
    serving: Serving, rule: RouteRule, status: int
) -> None:
    async with serving(routes=raising(Overloaded("Busy."), rule)) as app:
        answer = await app.ask("GET", "/")
    refused(answer, status, "overloaded")
    assert answer.header("retry-after") == "5"


async def test_a_defect_is_logged_and_not_told(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(routes=raising(KeyError("CANARY"))) as app:
        answer = await app.ask("GET", "/")
    refused(answer, 500, "internal_error")
    assert b"CANARY" not in answer.body
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.__dict__["request_id"] == answer.header("x-request-id")
    assert record.exc_info


async def test_a_connection_that_broke_is_nobodys_failure(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(routes=raising(ConnectionResetError())) as app:
        await app.ask("GET", "/")
    assert app.lines[0]["status"] == 499
    assert "a request failed" not in caplog.messages


async def test_what_is_allowed_is_told_where_a_method_is_not(serving: Serving) -> None:
    async with serving(routes=WHO) as app:
        answer = await app.ask("DELETE", "/public")
    refused(answer, 405)
    assert answer.header("allow") == "GET, HEAD"


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
async def test_a_client_that_waits_for_a_word_before_its_body_gets_it(
    serving: Serving, expect: str
) -> None:
    async with serving(routes=WHO) as app, Connection(app.port) as connection:
        await connection.send(request("GET", "/public", headers={"expect": expect}))
        assert (await connection.head()).status == 100
        assert (await connection.response()).status == 200


async def test_another_expectation_is_refused_by_the_envelope(serving: Serving) -> None:
    async with serving(routes=WHO) as app:
        answer = await app.ask("GET", "/public", b"", {"expect": "a miracle"})
    refused(answer, 400, "expectation_failed")


async def test_every_answer_is_signed(serving: Serving) -> None:
    async with serving(routes=WHO) as app:
        for path in ("/public", "/nowhere"):
            answer = await app.ask("GET", path)
            assert answer.header("server") == "claude_gateway"
            assert answer.header("x-content-type-options") == "nosniff"


def test_errors_know_their_status_and_whether_to_try_again() -> None:
    assert (GatewayError("x").status, GatewayError("x").should_retry) == (500, False)
    assert RateLimited("x").should_retry
    assert not RateLimited("x", should_retry=False).should_retry


@pytest.mark.parametrize("born", [asyncio.CancelledError(), SystemExit(3)], ids=["cancel", "exit"])
async def test_what_a_plugin_should_not_raise_is_a_defect_and_not_a_client_that_left(
    serving: Serving, born: BaseException
) -> None:
    async with serving(routes=raising(born)) as app:
        refused(await app.ask("GET", "/"), 500, "internal_error")
        refused(await app.ask("GET", "/"), 500, "internal_error")  # it goes on serving


async def test_s5_a_second_origin_does_not_hide_behind_a_local_one(serving: Serving) -> None:
    raw = request("GET", "/private", b"", {"origin": "http://localhost"})
    raw = raw.replace(b"\r\n\r\n", b"\r\norigin: https://evil.example\r\n\r\n", 1)
    async with serving(routes=WHO) as app, Connection(app.port) as connection:
        await connection.send(raw)
        refused(await connection.response(), 401, "missing_api_key")


async def test_s2_a_target_with_a_foreign_name_is_refused_whatever_the_host_says(
    serving: Serving,
) -> None:
    raw = request("GET", "/public").replace(b"GET /public", b"GET http://evil.example/public", 1)
    async with serving(routes=WHO) as app, Connection(app.port) as connection:
        await connection.send(raw)
        refused(await connection.response(), 403, "host_not_allowed")
