"""One gateway process and one fake upstream for all tests here, but for those that need their own.

Every test runs in the session's event loop, where both of them live.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anthropic
import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess

UPSTREAM_KEY = "sk-ant-api03-CANARY-upstream"
CLIENT_KEY = "gw-CANARY-client"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fake() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as fake:
        yield fake


@pytest.fixture
def upstream(fake: FakeAnthropic) -> FakeAnthropic:
    fake.reset()
    return fake


@pytest.fixture(scope="session")
def env(fake: FakeAnthropic) -> dict[str, str]:
    return {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_API_KEYS": CLIENT_KEY,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",  # these tests fail one after the other, on purpose
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest_asyncio.fixture(loop_scope="session")
async def openai_client(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> AsyncGenerator[openai.AsyncOpenAI]:
    base_url = f"{gateway.url}/v1"
    async with openai.AsyncOpenAI(api_key=CLIENT_KEY, base_url=base_url, max_retries=0) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def anthropic_client(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=CLIENT_KEY, base_url=gateway.url, max_retries=0
    ) as client:
        yield client
