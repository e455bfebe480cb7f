"""What browsers are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayDidNotStart, GatewayProcess
from claude_gateway.testing.raw import Connection, ask, chat_body, refused, request

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
APP = "https://app.example.org"
EVIL = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def narrow(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | {"CORS_ORIGINS": f"{APP}, https://b.example"}) as gateway:
        yield gateway


ANSWERS: dict[str, bytes] = {
    "a success": request("GET", "/"),
    "HEAD": request("HEAD", "/health"),
    "private": request("GET", "/v1/models"),
    "404": request("GET", "/nowhere"),
    "405": request("GET", CHAT),
    "401": request("GET", "/v1/models", headers={"x-api-key": "wrong"}),
    "403": request("GET", "/", headers={"host": "evil.example"}),
    "preflight": request("OPTIONS", CHAT),
    "preflight of nothing": request("OPTIONS", "/nowhere"),
    "400": request("POST", CHAT, b"{"),
    "a chat": request("POST", CHAT, chat_body()),
    "a stream": request("POST", CHAT, chat_body(stream=True)),
    "no HTTP": request("GET", "/", headers={"x-bad": "\x01"}),
}


@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS)
async def test_every_answer_allows_origins_in_canonical_capitals(
    gateway: GatewayProcess, upstream: FakeAnthropic, raw: bytes
) -> None:
    async with Connection(gateway.port) as connection:
        await connection.send(raw)
        head = (await connection.head()).head
    assert b"\r\nAccess-Control-Allow-Origin: " in head
    assert head.lower().count(b"access-control-allow-origin") == 1
    assert b"access-control-allow-credentials" not in head.lower()


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/models", "/"])
async def test_a_preflight_is_answered_with_204_to_anybody(
    gateway: GatewayProcess, path: str
) -> None:
    headers = {
        "origin": EVIL,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-api-key,anthropic-version",
    }
    response = await ask(gateway.port, "OPTIONS", path, b"", headers)
    assert (response.status, response.body) == (204, b"")
    assert response.header("access-control-allow-origin") in {"*", EVIL}
    allowed = (response.header("access-control-allow-headers") or "").lower()
    for name in ("authorization", "content-type", "x-api-key", "anthropic-version"):
        assert name in allowed
    assert "POST" in (response.header("access-control-allow-methods") or "")
    assert b"\r\nAccess-Control-Allow-Headers: " in response.head
    assert b"\r\nAccess-Control-Allow-Methods: " in response.head


async def test_pages_may_read_the_headers_that_matter(gateway: GatewayProcess) -> None:
    response = await ask(gateway.port, "GET", "/health", b"", {"origin": EVIL})
    exposed = (response.header("access-control-expose-headers") or "").lower()
    assert "x-request-id" in exposed
    assert "retry-after" in exposed


async def test_a_listed_origin_is_allowed_by_name(narrow: GatewayProcess) -> None:
    response = await ask(narrow.port, "GET", "/health", b"", {"origin": APP})
    assert response.header("access-control-allow-origin") == APP
    assert "origin" in (response.header("vary") or "").lower()


@pytest.mark.parametrize("origin", [EVIL, "null", f"{APP}.evil.example", "http://app.example.org"])
async def test_another_origin_is_not_allowed_to_read(narrow: GatewayProcess, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        response = await ask(narrow.port, method, "/health", b"", {"origin": origin})
        assert response.header("access-control-allow-origin") not in {"*", origin}


async def test_a_list_without_a_single_origin_does_not_break_every_answer(
    env: dict[str, str],
) -> None:
    try:
        async with GatewayProcess(env | {"CORS_ORIGINS": ","}, timeout=5) as gateway:
            assert (await ask(gateway.port, "GET", "/health")).status == 200
    except GatewayDidNotStart as exc:
        assert "CORS_ORIGINS" in str(exc)  # noqa: PT017  # to refuse it is as good


async def test_s5_being_allowed_to_read_is_not_being_local(
    narrow: GatewayProcess, gateway: GatewayProcess
) -> None:
    refused(await ask(narrow.port, "GET", "/v1/models", b"", {"origin": EVIL}), 401)
    refused(await ask(gateway.port, "GET", "/v1/models", b"", {"origin": APP}), 401)
