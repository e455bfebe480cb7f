"""One gateway process and one fake upstream for all tests here, but for those that need their own.

Every test runs in the session's event loop, where both of them live.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import anthropic
import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Received, Reply, Stream
from claude_gateway.testing.wire import MODEL

GOLDEN = Path(__file__).parent.parent / "golden"
BROKEN = ("error", "error_in_tool", "truncated")
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


class Recordings:
    """An upstream that plays `tests/golden/NAME.sse` to whoever says NAME.

    In one piece it gives what Anthropic's own client makes of that stream; `messages` has them all.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Mapping[str, object]] = {}

    def play(self, received: Received) -> Reply | Stream:
        said = received.json["messages"][0]["content"]
        name = said if isinstance(said, str) else said[0]["text"]
        if received.json.get("stream"):
            return Stream([(GOLDEN / f"{name}.sse").read_bytes()])
        return Reply(body=self.messages[name])

    async def fold(self, client: anthropic.AsyncAnthropic, name: str) -> Mapping[str, object]:
        """What the client makes of a stream in the end."""
        words: anthropic.types.MessageParam = {"role": "user", "content": name}
        async with client.messages.stream(model=MODEL, max_tokens=9, messages=[words]) as answer:
            whole = await answer.get_final_message()
        # The recordings hold blocks and reasons that no client knows.
        folded: Mapping[str, object] = whole.model_dump(exclude_unset=True, warnings=False)
        return folded


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def recordings() -> Recordings:
    recordings = Recordings()
    names = [path.stem for path in GOLDEN.glob("*.sse") if not path.stem.endswith(".openai")]
    async with (
        FakeAnthropic() as fake,
        anthropic.AsyncAnthropic(api_key="any", base_url=fake.url, max_retries=0) as client,
    ):
        fake.always(recordings.play)
        for name in set(names).difference(BROKEN):
            recordings.messages[name] = await recordings.fold(client, name)
    return recordings
