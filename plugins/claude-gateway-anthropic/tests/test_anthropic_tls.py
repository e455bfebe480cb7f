"""TLS: certificates are checked, by every transport."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import open_transport

from claude_gateway import UpstreamError
from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.wire import MODEL, compact, message

if TYPE_CHECKING:
    from tests.conftest import Origin
BODY = compact(message("Hello")).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def name() -> str:
    return "localhost"


@pytest.fixture
async def secure(origin: Origin, authority: trustme.CA, name: str) -> AsyncGenerator[Origin]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    server = await origin.start(context)
    yield origin
    await origin.stop(server)


async def test_a_certificate_of_unknown_origin_is_refused(
    secure: Origin, account: Callable[..., Account]
) -> None:
    async with open_transport(account(secure.url)) as transport:
        with pytest.raises(UpstreamError) as caught:
            await transport.send("POST", "/v1/messages", b"{}", {"x-api-key": "k"})
    assert caught.value.code == "upstream_untrusted"
    assert "certificate" in caught.value.message
    assert not caught.value.should_retry
    assert secure.requests == []


@pytest.fixture
def env(secure: Origin, authority: trustme.CA, kind: str, tmp_path: Path) -> dict[str, str]:
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return {
        "ANTHROPIC_API_KEY": "sk-ant-gateway",
        "ANTHROPIC_BASE_URL": secure.url,
        "ANTHROPIC_TRANSPORT": kind,
        "GATEWAY_MAX_RETRIES": "0",
        "SSL_CERT_FILE": str(bundle),
    }


async def asked(gateway: GatewayProcess) -> tuple[int, str]:
    body = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{gateway.url}/v1/messages", json=body) as response,
    ):
        return response.status, await response.text()


async def test_a_certificate_of_a_trusted_authority_is_accepted(
    secure: Origin, env: dict[str, str]
) -> None:
    for _ in range(3):  # one for the health check, one for the list of models
        secure.script(ANSWER)
    async with GatewayProcess(env) as gateway:
        assert await asked(gateway) == (200, BODY.decode())


@pytest.mark.parametrize("name", ["other.example"])
async def test_a_trusted_certificate_for_another_name_is_refused(env: dict[str, str]) -> None:
    async with GatewayProcess(env) as gateway:
        status, said = await asked(gateway)
    assert status == 502
    assert "upstream_untrusted" in said
