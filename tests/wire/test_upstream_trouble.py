"""What becomes of upstream's failures: tried again, or told with the right status."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import ask, asking, refused
from claude_gateway.testing.upstream import Step
from claude_gateway.testing.wire import error, error_event, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
EACH = pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
STREAMED = pytest.mark.parametrize("streamed", [True, False])
NOW = {"retry-after": "0"}
PASSING: dict[str, Step] = {
    "429": Reply(429, error("rate_limit_error", "Slow down."), NOW),
    "500": Reply(500, error("api_error", "Internal"), NOW),
    "503": Reply(503, b"<html>busy</html>", NOW),
    "529": Reply(529, error("overloaded_error", "Overloaded"), NOW),
    "an error event": Stream([error_event()], headers=NOW),
    "a lost connection": Cut(),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | {"GATEWAY_MAX_RETRIES": "2"}) as gateway:
        yield gateway


@EACH
@STREAMED
@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
async def test_a_failure_that_may_pass_is_tried_again_before_the_first_byte(
    patient: GatewayProcess, upstream: FakeAnthropic, path: str, failure: Step, *, streamed: bool
) -> None:
    if isinstance(failure, Stream) and not streamed:
        failure = PASSING["529"]
    upstream.script(failure)
    response = await ask(patient.port, "POST", path, asking(path, stream=streamed))
    assert response.status == 200
    assert b"Hello" in response.body
    assert len(upstream.turns) == 2
    assert upstream.turns[0].body == upstream.turns[1].body


@EACH
@STREAMED
async def test_a_failure_that_stays_is_told_after_the_last_try(
    patient: GatewayProcess, upstream: FakeAnthropic, path: str, *, streamed: bool
) -> None:
    upstream.always(PASSING["429"])
    response = await ask(patient.port, "POST", path, asking(path, stream=streamed))
    assert refused(response, 429)["type"] == "rate_limit_error"
    assert len(upstream.turns) == 3


async def test_retry_after_is_waited_for(patient: GatewayProcess, upstream: FakeAnthropic) -> None:
    upstream.script(Reply(429, error("rate_limit_error", "Slow down."), {"retry-after": "1"}))
    began = asyncio.get_running_loop().time()
    response = await ask(patient.port, "POST", CHAT, asking(CHAT))
    assert response.status == 200
    assert 1 <= asyncio.get_running_loop().time() - began < 2


@EACH
async def test_a_retry_after_of_an_hour_is_the_clients_to_wait_for(
    patient: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Reply(429, error("rate_limit_error", "Slow down."), {"retry-after": "3600"}))
    response = await ask(patient.port, "POST", path, asking(path))
    refused(response, 429)
    assert response.header("retry-after") == "3600"
    assert len(upstream.turns) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_a_failure_that_stays_is_not_tried_again(
    patient: GatewayProcess, upstream: FakeAnthropic, status: int
) -> None:
    upstream.script(Reply(status, error("invalid_request_error", "No."), NOW))
    response = await ask(patient.port, "POST", CHAT, asking(CHAT))
    refused(response, 502 if status in {401, 403} else status)
    assert len(upstream.turns) == 1


@EACH
async def test_nothing_is_tried_again_after_the_first_byte(
    patient: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Cut()]))
    response = await ask(patient.port, "POST", path, asking(path, stream=True))
    assert response.status == 200
    assert b'"error"' in response.body
    assert len(upstream.turns) == 1


@EACH
@STREAMED
async def test_a_limit_is_told_with_its_retry_after(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, *, streamed: bool
) -> None:
    upstream.script(Reply(429, error("rate_limit_error", "Slow down."), {"retry-after": "7"}))
    response = await ask(gateway.port, "POST", path, asking(path, stream=streamed))
    refused(response, 429, "rate_limited")
    assert response.header("retry-after") == "7"


@EACH
@STREAMED
async def test_an_overload_is_503_for_openai_and_529_for_anthropic_clients(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, *, streamed: bool
) -> None:
    upstream.script(Reply(529, error("overloaded_error", "Overloaded")))
    response = await ask(gateway.port, "POST", path, asking(path, stream=streamed))
    refused(response, 529 if path == MESSAGES else 503, "overloaded")
    assert (response.header("retry-after") or "").isdigit()


@EACH
@STREAMED
@pytest.mark.parametrize("status", [401, 403])
async def test_s11_a_refused_upstream_key_is_the_gateways_fault_and_not_shown(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, status: int, *, streamed: bool
) -> None:
    said = "invalid x-api-key: sk-ant-api03-CANARY-upstream"
    upstream.script(Reply(status, error("authentication_error", said)))
    response = await ask(gateway.port, "POST", path, asking(path, stream=streamed))
    refused(response, 502, "upstream_auth_error")
    assert b"CANARY" not in response.body


@EACH
async def test_s7_a_redirect_of_upstream_is_not_followed_with_the_key(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    async with FakeAnthropic() as elsewhere:
        upstream.script(Reply(307, b"", {"location": f"{elsewhere.url}/v1/messages"}))
        refused(await ask(gateway.port, "POST", path, asking(path)), 502)
        assert elsewhere.requests == []


@EACH
async def test_upstreams_reason_for_a_400_reaches_the_client(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    said = "messages.0.content: text content blocks must be non-empty"
    upstream.script(Reply(400, error("invalid_request_error", said)))
    response = await ask(gateway.port, "POST", path, asking(path))
    assert said in refused(response, 400)["message"]


async def test_an_upstream_that_is_not_there_is_a_5xx_of_upstream(env: dict[str, str]) -> None:
    with socket.socket() as taken:  # bound, never listening
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with GatewayProcess(env | {"ANTHROPIC_BASE_URL": nowhere}) as gateway:
            for path in (CHAT, MESSAGES, RESPONSES):
                response = await ask(gateway.port, "POST", path, asking(path, stream=True))
                refused(response, 502)
            assert (await ask(gateway.port, "GET", "/readiness")).status == 200
