"""Every refusal has one envelope, the right status, and names what was wrong."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import (
    Connection,
    Response,
    ask,
    chat_body,
    message_body,
    refused,
    request,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
USER = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, COUNT])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b" \n",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b'{"a":1}{}',
        b"\xff\xfe",
        b'{"messages":NaN}',
        b"[" * 5000,
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, body: bytes
) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    response = await ask(gateway.port, "POST", path, body, headers)
    assert refused(response, 400)["type"] == "invalid_request_error"
    assert upstream.turns == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [None]}, "messages[0]"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": "wizard", "content": "Hello"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"model": 5}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": []}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": True}, "top_p"),
        ({"tools": {}}, "tools"),
        ({"tools": ["clock"]}, "tools[0]"),
        ({"stop": 5}, "stop"),
        ({"stream": True, "stream_options": []}, "stream_options"),
        ({"n": 2}, "n"),
        ({"n": "one"}, "n"),
    ],
)
async def test_a_wrong_field_of_a_chat_is_named(
    gateway: GatewayProcess, upstream: FakeAnthropic, fields: dict[str, object], param: str
) -> None:
    response = await ask(gateway.port, "POST", CHAT, chat_body(**fields))
    error = refused(response, 400, param=param)
    assert param in error["message"]
    assert error["type"] == "invalid_request_error"
    assert upstream.turns == []


async def test_a_chat_without_messages_names_them(gateway: GatewayProcess) -> None:
    refused(await ask(gateway.port, "POST", CHAT, {"model": "sonnet"}), 400, param="messages")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "claude-sonnet-5-5", "max_tokens": 1},
        message_body(model=5),
        message_body(stream="yes"),
    ],
)
async def test_a_wrong_native_request_is_a_400_whoever_finds_it(
    gateway: GatewayProcess, upstream: FakeAnthropic, body: dict[str, object]
) -> None:
    refused(await ask(gateway.port, "POST", MESSAGES, body), 400)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_an_unknown_model_is_not_found(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    response = await ask(gateway.port, "POST", path, message_body(model="llama-3"))
    assert "llama-3" in refused(response, 404, "model_not_found", "model")["message"]
    assert upstream.turns == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", CHAT),
        ("PUT", CHAT),
        ("GET", MESSAGES),
        ("DELETE", "/v1/models"),
        ("POST", "/health"),
        ("POST", "/"),
    ],
)
async def test_a_wrong_method_is_told_which_are_right(
    gateway: GatewayProcess, method: str, path: str
) -> None:
    response = await ask(gateway.port, method, path)
    refused(response, 405, "method_not_allowed")
    allowed = (response.header("allow") or "").replace(" ", "").split(",")
    assert allowed != [""]
    assert method not in allowed


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/v1/nowhere",
        "/v1/models/none",
        "/v1//models",
        "//v1/models",
        "/V1/models",
        "/v1/models/%2e%2e/%2e%2e/health",
        "/v1/chat/completions/x/y/z",
    ],
)
async def test_an_unknown_path_is_not_found(gateway: GatewayProcess, path: str) -> None:
    refused(await ask(gateway.port, "GET", path), 404)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, COUNT])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
async def test_s5_json_under_another_name_is_refused(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, kind: str
) -> None:
    response = await ask(gateway.port, "POST", path, message_body(), {"content-type": kind})
    refused(response, 415, "unsupported_media_type")
    assert upstream.turns == []


async def test_json_may_name_its_charset(gateway: GatewayProcess, upstream: FakeAnthropic) -> None:
    kind = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await ask(gateway.port, "POST", CHAT, chat_body(), kind)).status == 200


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("chunked", [False, True])
async def test_s14_a_body_of_33_mb_is_too_large(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, *, chunked: bool
) -> None:
    response = await upload(gateway.port, path, 33 * 2**20, chunked=chunked)
    refused(response, 413, "request_too_large")
    assert upstream.turns == []


async def test_a_body_just_below_the_limit_reaches_upstream(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = message_body("x" * 31_900_000)
    response = await ask(gateway.port, "POST", MESSAGES, body)
    assert response.status == 200
    assert len(upstream.turns[0].body) > 31_900_000


async def test_a_sane_request_id_is_kept_and_another_replaced(gateway: GatewayProcess) -> None:
    for given, kept in [("req_from-client.1", True), ("a b", False), ("x" * 500, False)]:
        response = await ask(gateway.port, "GET", "/nowhere", b"", {"x-request-id": given})
        refused(response, 404)
        assert (response.header("x-request-id") == given) is kept


async def test_successes_carry_both_request_ids(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for response in [
        await ask(gateway.port, "GET", "/health"),
        await ask(gateway.port, "HEAD", "/"),
        await ask(gateway.port, "OPTIONS", CHAT),
        await ask(gateway.port, "POST", CHAT, chat_body()),
        await ask(gateway.port, "POST", CHAT, chat_body(stream=True)),
    ]:
        assert response.status < 300
        assert response.header("x-request-id")
        assert response.header("x-request-id") == response.header("request-id")


async def upload(port: int, path: str, size: int, *, chunked: bool) -> Response:
    how = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(size)}
    head = request("POST", path, b"", {"content-type": "application/json", **how})
    piece = b" " * 2**20
    written = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece

    async with Connection(port, timeout=20) as connection:

        async def send() -> None:
            with suppress(ConnectionError):  # it may hang up once it has seen enough
                for data in [head, *[written] * (size // len(piece))]:
                    await connection.send(data)
                await connection.send(b"0\r\n\r\n" if chunked else b"")

        sending = asyncio.create_task(send())
        response = await connection.response()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return response
