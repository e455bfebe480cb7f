"""Who may come in: keys, hosts, origins."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask, chat_body, refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
PUBLIC = ["/", "/health", "/readiness"]
PRIVATE = ["/v1", "/v1/models", "/v1/models/capabilities", "/v1/nowhere"]
KEY = "gw-CANARY-client"
UPSTREAM_KEY = "sk-ant-api03-CANARY-upstream"
FOREIGN = ["https://evil.example", "null", "http://localhost.evil.example", "file://", "garbage"]
NEAR = ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173"]
WRONG_KEYS = [
    "wrong",
    "gw-CANARY-clien",
    "gw-CANARY-client2",
    "sk-ant-api03-CANARY-other",
    "' OR 1=1 --",
    "invalid",
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | {"GATEWAY_AUTH": "required"}) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()


@pytest.mark.parametrize("style", ["authorization", "x-api-key"])
@pytest.mark.parametrize("key", [KEY, UPSTREAM_KEY])
async def test_a_right_key_comes_in_in_both_styles(
    strict: GatewayProcess, upstream: FakeAnthropic, style: str, key: str
) -> None:
    assert (await ask(strict.port, "POST", CHAT, chat_body(), credential(style, key))).status == 200


@pytest.mark.parametrize("style", ["authorization", "x-api-key"])
@pytest.mark.parametrize("key", WRONG_KEYS)
async def test_s11_a_wrong_key_is_refused_from_loopback_too_and_not_repeated(
    gateway: GatewayProcess, upstream: FakeAnthropic, style: str, key: str
) -> None:
    response = await ask(gateway.port, "POST", CHAT, chat_body(), credential(style, key))
    error = refused(response, 401)
    assert error["type"] == "authentication_error"
    assert key not in error["message"]
    assert upstream.turns == []


async def test_two_different_credentials_are_not_better_than_the_wrong_one(
    gateway: GatewayProcess,
) -> None:
    headers = credential("authorization", "wrong") | credential("x-api-key", KEY)
    response = await ask(gateway.port, "GET", "/v1/models", b"", headers)
    assert response.status in {200, 401}
    headers = credential("authorization", KEY) | credential("x-api-key", "wrong")
    other = await ask(gateway.port, "GET", "/v1/models", b"", headers)
    assert 401 in {response.status, other.status}


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Bearer"])
async def test_an_unreadable_credential_counts_as_present(
    gateway: GatewayProcess, scheme: str
) -> None:
    headers = {"authorization": f"{scheme} Z3c6Q0FOQVJZ"}
    refused(await ask(gateway.port, "GET", "/v1/models", b"", headers), 401)


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_routes_need_no_key(strict: GatewayProcess, path: str) -> None:
    assert (await ask(strict.port, "GET", path)).status == 200
    assert (await ask(strict.port, "HEAD", path)).status == 200


@pytest.mark.parametrize("path", PRIVATE)
async def test_everything_else_is_private(strict: GatewayProcess, path: str) -> None:
    refused(await ask(strict.port, "GET", path), 401)


@pytest.mark.parametrize("name", ["api_key", "key", "x-api-key", "token", "access_token"])
async def test_s10_a_key_in_the_query_opens_nothing(strict: GatewayProcess, name: str) -> None:
    refused(await ask(strict.port, "GET", f"/v1/models?{name}={KEY}"), 401)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/health", "/v1/models"])
async def test_s5_a_foreign_host_is_refused_on_every_route(
    gateway: GatewayProcess, host: str, path: str
) -> None:
    refused(await ask(gateway.port, "GET", path, b"", {"host": host}), 403)


@pytest.mark.parametrize("host", ["localhost:4000/#@x", "localhost@evil.example", "a b", ""])
async def test_s2_a_host_that_is_no_host_is_refused(gateway: GatewayProcess, host: str) -> None:
    for path in ("/", "/v1/models"):
        refused(await ask(gateway.port, "GET", path, b"", {"host": host}), 400)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8000", "LOCALHOST:80"])
async def test_loopback_names_are_local(gateway: GatewayProcess, host: str) -> None:
    assert (await ask(gateway.port, "GET", "/v1/models", b"", {"host": host})).status == 200


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/v1/models",
        "http://evil.example/v1/models",
        "/health/../v1/models",
        "/health/%2e%2e/v1/models",
        "/v1/models?/health",
        "/v1/models;/health",
        "/v1/models%23/health",
        "//health/v1/models",
    ],
)
async def test_s2_no_spelling_of_a_path_gets_around_the_key(
    strict: GatewayProcess, target: str
) -> None:
    for headers in ({}, {"x-forwarded-for": "127.0.0.1", "x-original-url": "/health"}):
        response = await ask(strict.port, "GET", target, b"", headers)
        assert response.status in {400, 401, 403, 404}
        refused(response, response.status)


@pytest.mark.parametrize("origin", FOREIGN)
async def test_s5_a_foreign_origin_needs_a_key_for_private_routes(
    gateway: GatewayProcess, upstream: FakeAnthropic, origin: str
) -> None:
    refused(await ask(gateway.port, "GET", "/v1/models", b"", {"origin": origin}), 401)
    refused(await ask(gateway.port, "POST", CHAT, chat_body(), {"origin": origin}), 401)
    assert upstream.turns == []
    keyed = credential("x-api-key", KEY) | {"origin": origin}
    assert (await ask(gateway.port, "GET", "/v1/models", b"", keyed)).status == 200


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", PUBLIC)
async def test_public_routes_answer_any_origin(
    gateway: GatewayProcess, path: str, origin: str
) -> None:
    assert (await ask(gateway.port, "GET", path, b"", {"origin": origin})).status == 200


@pytest.mark.parametrize("origin", NEAR)
async def test_a_local_origin_is_local(gateway: GatewayProcess, origin: str) -> None:
    assert (await ask(gateway.port, "GET", "/v1/models", b"", {"origin": origin})).status == 200


async def test_s2_a_proxys_headers_make_nobody_local(strict: GatewayProcess) -> None:
    headers = {"x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1;host=localhost"}
    refused(await ask(strict.port, "GET", "/v1/models", b"", headers), 401)


def credential(style: str, key: str) -> dict[str, str]:
    return {style: f"Bearer {key}" if style == "authorization" else key}
