"""One gateway process and one fake upstream for all tests here, but for those that need their own.

Every test runs in the session's event loop, where both of them live.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Received, Reply, Stream
from claude_gateway.testing.raw import Response, ask
from claude_gateway.testing.wire import MODEL
from tests.wire.tool_turns import installed

GOLDEN = Path(__file__).parent.parent / "golden"
BROKEN = ("error", "error_in_tool", "truncated")
UPSTREAM_KEY = "sk-ant-api03-CANARY-upstream"
CLIENT_KEY = "gw-CANARY-client"
MCP_KEY, OTHER_MCP_KEY = "gw-CANARY-mcp", "gw-CANARY-other-mcp"
SITE = Path(__file__).parent / "mcp/site"
STRANGERS = [f"gw-CANARY-stranger-{i}" for i in range(800)]  # each is a user of its own


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    port: int
    key: str

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request."""
        return await ask(self.port, method, path, body, {"x-api-key": self.key, **(headers or {})})

    async def get(self, path: str) -> Any:
        """Return what is there."""
        response = await self.ask("GET", path)
        assert response.status == 200, response.body
        return response.json

    async def post(self, path: str, /, **fields: object) -> Any:
        """Make something, and return it."""
        response = await self.ask("POST", path, fields)
        assert response.status == 201, response.body
        return response.json


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
        "GATEWAY_API_KEYS": ",".join([CLIENT_KEY, *STRANGERS]),
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",  # these tests fail one after the other, on purpose
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest.fixture(scope="session")
def plugin_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a plugin is found whose tool server has one of everything, as if pip had installed it."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "everything-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: everything\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[claude_gateway]\neverything = everything:plugin\n")
    return os.pathsep.join([str(folder), str(SITE)])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def everything(plugin_path: str) -> AsyncGenerator[GatewayProcess]:
    """A gateway with that plugin."""
    env = {"PYTHONPATH": plugin_path, "GATEWAY_API_KEYS": f"{MCP_KEY},{OTHER_MCP_KEY}"}
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest.fixture(scope="session")
def strangers() -> Iterator[str]:
    return iter(STRANGERS)


@pytest.fixture
def caller(gateway: GatewayProcess, strangers: Iterator[str]) -> Caller:
    """Somebody who has never been here."""
    return Caller(gateway.port, next(strangers))


@pytest.fixture
def other(gateway: GatewayProcess, strangers: Iterator[str]) -> Caller:
    """Somebody else."""
    return Caller(gateway.port, next(strangers))


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
    names = [path.stem for path in GOLDEN.glob("*.sse") if "." not in path.stem]
    async with (
        FakeAnthropic() as fake,
        anthropic.AsyncAnthropic(api_key="any", base_url=fake.url, max_retries=0) as client,
    ):
        fake.always(recordings.play)
        for name in set(names).difference(BROKEN):
            recordings.messages[name] = await recordings.fold(client, name)
    return recordings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tooled(
    fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """A gateway with tools that wait, for this machine's owner."""
    env = {
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_API_KEYS": CLIENT_KEY,
        "GATEWAY_MAX_RETRIES": "0",
        "GATEWAY_BREAKER_FAILURES": "0",
        "GATEWAY_HEARTBEAT": "0.1",
        "GATEWAY_TOOL_ROUNDS": "4",
        **installed(tmp_path_factory.mktemp("gate")),
    }
    async with GatewayProcess(env) as gateway:
        yield gateway
    assert "CANARY" not in gateway.output()
    assert not [line for line in gateway.output().splitlines() if "Traceback" in line]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB, which is said to be enough to start."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must be able to mount a small disk: {mounted.stderr!r}")
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
