"""Phones, and two gateways for all tests here: one in demo mode, and one with a fake upstream.

Every test with a gateway runs in the session's event loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeAlias, cast
from uuid import uuid4

import pytest
import pytest_asyncio
from claude_gateway_ios.testing import COMMITS, Phone

from claude_gateway.testing import FakeAnthropic, GatewayProcess

KEY, APP_KEY, DETACHED = "gw-CANARY-ios", "gw-CANARY-app", "gw-CANARY-other"
MODES = ("demo", "anthropic")

Fresh: TypeAlias = Callable[[], str]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fake() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as fake:
        yield fake


@pytest.fixture
def upstream(fake: FakeAnthropic) -> FakeAnthropic:
    fake.reset()
    return fake


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateways(fake: FakeAnthropic) -> AsyncGenerator[Mapping[str, GatewayProcess]]:
    common = {
        "GATEWAY_API_KEYS": f"{KEY},{DETACHED}",
        "IOS_API_KEYS": APP_KEY,
        "GATEWAY_WRONG_KEYS": "0",
    }
    upstream = {
        "ANTHROPIC_API_KEY": "sk-ant-CANARY",
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
    }
    async with (
        GatewayProcess({**common, "MOCK_DELAY_MS": "0"}) as demo,
        GatewayProcess({**common, **upstream}) as anthropic,
    ):
        yield {"demo": demo, "anthropic": anthropic}
    for gateway in (demo, anthropic):
        assert "CANARY" not in gateway.output()
        assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest.fixture
def gateway(gateways: Mapping[str, GatewayProcess]) -> GatewayProcess:
    return gateways["anthropic"]


@pytest.fixture(params=MODES)
def either(
    request: pytest.FixtureRequest, gateways: Mapping[str, GatewayProcess]
) -> GatewayProcess:
    return gateways[cast("str", request.param)]


@pytest.fixture(params=COMMITS)
def commit(request: pytest.FixtureRequest) -> str:
    return cast("str", request.param)


@pytest.fixture
def phone(gateway: GatewayProcess) -> Phone:
    """The app as it runs, in front of an upstream that a test scripts."""
    return Phone(gateway.port, "C4", KEY)


@pytest.fixture
def each(either: GatewayProcess, commit: str) -> Phone:
    """Every commit, in front of either gateway."""
    return Phone(either.port, commit, KEY)


@pytest.fixture
def fresh() -> Fresh:
    """Invents ids of sessions as the app does: in capitals."""
    return lambda: str(uuid4()).upper()
