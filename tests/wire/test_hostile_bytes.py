"""Bytes that no client sends, below the level at which handlers run."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import (
    Connection,
    Response,
    ask,
    message_body,
    refused,
    request,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    short = {"GATEWAY_HEADER_TIMEOUT": "0.5", "GATEWAY_BODY_TIMEOUT": "0.5"}
    async with GatewayProcess(env | short) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert "Traceback" not in gateway.output()


async def test_s11_a_control_character_behind_a_key_does_not_reveal_it(
    gateway: GatewayProcess,
) -> None:
    for style in (b"x-api-key: ", b"authorization: Bearer "):
        for bad in (b"\x7f", b"\x00", b"\x01", b"\x1f", b"\rx"):
            line = style + b"sk-ant-CANARY-raw" + bad
            response = await say(gateway, b"GET /v1/models HTTP/1.1\r\n" + line + b"\r\n\r\n")
            assert response.status in {400, 401}
            refused(response, response.status)
            assert b"CANARY" not in response.head + response.body
    assert "CANARY" not in gateway.output()


async def test_s11_letters_beyond_ascii_in_a_key_are_a_wrong_key(gateway: GatewayProcess) -> None:
    line = "x-api-key: sk-ant-CANARY-\xe9\xff".encode("latin-1")
    response = await say(
        gateway, b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + line + b"\r\n\r\n"
    )
    assert response.status in {400, 401}
    refused(response, response.status)
    assert b"CANARY" not in response.body


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_the_envelope_too(gateway: GatewayProcess, raw: bytes) -> None:
    response = await say(gateway, raw)
    assert 400 <= response.status < 500
    refused(response, response.status)


async def test_a_body_told_twice_is_never_read_two_ways(gateway: GatewayProcess) -> None:
    raw = (
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    refused(await say(gateway, raw), 400)


@pytest.mark.parametrize(
    "flood",
    [
        b"x-long: " + b"a" * 100_000 + b"\r\n",
        b"".join(b"x-%d: a\r\n" % i for i in range(20_000)),
        b"".join(b"x-%d: %b\r\n" % (i, b"a" * 1000) for i in range(1000)),
    ],
    ids=["one long", "many short", "many long"],
)
async def test_s14_a_flood_of_headers_is_refused(gateway: GatewayProcess, flood: bytes) -> None:
    async with Connection(gateway.port) as connection:
        sending = asyncio.create_task(
            connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\n" + flood + b"\r\n")
        )
        response = await connection.response()
        await asyncio.gather(sending, return_exceptions=True)
    assert response.status in {400, 431}
    refused(response, response.status)


async def test_s14_a_small_body_that_unpacks_into_a_huge_one_is_refused(
    gateway: GatewayProcess,
) -> None:
    bomb = gzip.compress(b" " * 200 * 2**20, 1)
    response = await ask(gateway.port, "POST", CHAT, bomb, {"content-encoding": "gzip"})
    refused(response, 413)


async def test_an_unknown_expectation_is_refused(gateway: GatewayProcess) -> None:
    raw = request("POST", CHAT, b"{}", {"expect": "wonders"})
    response = await say(gateway, raw)
    assert response.status in {400, 417}
    refused(response, response.status)


async def test_a_client_that_waits_for_the_go_ahead_gets_it(gateway: GatewayProcess) -> None:
    raw = request("POST", CHAT, b"{}", {"expect": "100-continue"})
    async with Connection(gateway.port) as connection:
        await connection.send(raw[:-2])
        assert (await connection.head()).status == 100
        await connection.send(raw[-2:])
        refused(await connection.response(), 400, param="messages")


async def test_an_endless_request_line_is_refused(gateway: GatewayProcess) -> None:
    response = await say(gateway, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
    assert response.status in {400, 414, 431}
    refused(response, response.status)


async def test_s14_half_sent_headers_are_closed(hasty: GatewayProcess) -> None:
    async with Connection(hasty.port, timeout=3) as connection:
        await connection.send(b"GET /health HTTP/1.1\r\nhost: local")
        await connection.rest()


async def test_s14_headers_that_drip_are_closed_as_well(hasty: GatewayProcess) -> None:
    async with asyncio.timeout(4), Connection(hasty.port, timeout=0.1) as connection:
        await connection.send(b"GET /health HTTP/1.1\r\nx-drip: ")
        while True:
            try:
                await connection.rest()
                break
            except TimeoutError:
                await connection.send(b"a")
            except ConnectionError:
                break


async def test_s14_a_half_sent_body_is_given_up(hasty: GatewayProcess) -> None:
    head = request("POST", CHAT, b"", {"content-type": "application/json", "content-length": "99"})
    async with Connection(hasty.port, timeout=3) as connection:
        await connection.send(head + b'{"model":')
        refused(await connection.response(), 408)


async def test_a_body_that_keeps_coming_is_waited_for(hasty: GatewayProcess) -> None:
    async with Connection(hasty.port, timeout=0.2) as connection:
        length = {"content-type": "application/json", "content-length": "8"}
        await connection.send(request("POST", CHAT, b"", length))
        for _ in range(5):  # a second in all: longer than the limit between two bytes
            await connection.send(b" ")
            with pytest.raises(TimeoutError):
                await connection.rest()
        await connection.send(b" {}")
        refused(await connection.response(), 400, param="messages")


async def test_an_idle_connection_between_two_requests_stays(hasty: GatewayProcess) -> None:
    async with Connection(hasty.port, timeout=1) as connection:
        await connection.send(request("GET", "/health"))
        assert (await connection.response()).status == 200
        with pytest.raises(TimeoutError):
            await connection.rest()
        await connection.send(request("GET", "/health"))
        assert (await connection.response()).status == 200


async def test_the_gateway_is_well_afterwards(gateway: GatewayProcess) -> None:
    assert (await ask(gateway.port, "GET", "/readiness")).status == 200


async def say(gateway: GatewayProcess, raw: bytes) -> Response:
    async with Connection(gateway.port) as connection:
        await connection.send(raw)
        return await connection.response()


@pytest.mark.parametrize(("method", "path"), [("POST", "/nowhere"), ("PUT", "/v1")])
async def test_an_unknown_expectation_gets_the_envelope_on_every_path(
    gateway: GatewayProcess, method: str, path: str
) -> None:
    response = await say(gateway, request(method, path, b"{}", {"expect": "wonders"}))
    refused(response, 400, "expectation_failed")


async def test_t16_an_answer_nested_out_of_reach_is_upstreams_failure(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for depth in (1_100, 1_500, 5_000):
        deep = b"[" * depth + b"]" * depth
        upstream.script(Reply(200, b'{"content":[],"x":' + deep + b"}"))
        response = await ask(gateway.port, "POST", "/v1/messages", message_body())
        refused(response, 502)
        frame = b'event: new\ndata: {"type":"new","x":' + deep + b"}\n\n"
        upstream.script(Stream([frame]))
        response = await ask(gateway.port, "POST", "/v1/messages", message_body(stream=True))
        refused(response, 502)


@pytest.mark.parametrize("encoding", ["br", "zstd", "foo", "gzip, gzip"])
async def test_an_encoding_that_is_not_read_is_said_to_be_so(
    gateway: GatewayProcess, encoding: str
) -> None:
    response = await say(gateway, request("POST", CHAT, b"{}", {"content-encoding": encoding}))
    assert "gzip" in str(refused(response, 415)["message"])
