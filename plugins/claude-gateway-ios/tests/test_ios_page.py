"""What docs/ios.md promises is so."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import Connection, request
from claude_gateway.testing.wire import text_stream

ROOT = Path(__file__).parents[3]
PAGES = ("docs/ios.md", "plugins/claude-gateway-ios/README.md")
SWIFT = re.findall(r"```swift\n(.*?)```", (ROOT / PAGES[0]).read_text("utf-8"), re.DOTALL)[0]


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_a_page_names_are_there(page: str) -> None:
    named = set(
        re.findall(r"\b(?:GATEWAY|IOS|ANTHROPIC|CORS)_[A-Z_]+\b", (ROOT / page).read_text("utf-8"))
    )
    known = (ROOT / ".env.example").read_text("utf-8")
    known += (ROOT / "deploy/compose/docker-compose.yml").read_text("utf-8")
    assert named
    assert [name for name in sorted(named) if name not in known] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_a_page_leads_to_are_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_client_in_swift_is_whole() -> None:
    assert SWIFT.count("{") == SWIFT.count("}")
    assert SWIFT.count("(") == SWIFT.count(")")
    assert set(re.findall(r'forHTTPHeaderField: "([^"]+)"', SWIFT)) == {
        "Authorization",
        "Content-Type",
        "Idempotency-Key",
        "Last-Event-ID",
        "x-gateway-profile",
        "x-run-id",
    }


class Client:
    """The client in Swift, step by step, but for the pauses."""

    def __init__(self, port: int, key: str, conversation: str) -> None:
        self.port = port
        self.last, self.number = 0, 0
        self.pieces: list[str] = []
        self.common = {"Authorization": f"Bearer {key}", "x-gateway-profile": "none"}
        self.again = {**self.common, "Idempotency-Key": str(uuid4())}
        self.body: Mapping[str, object] = {
            "model": "sonnet",
            "stream": True,
            "session_id": conversation,
            "on_disconnect": "detach",
            "messages": [{"role": "user", "content": "Where should I go?"}],
        }
        self.request = request("POST", "/v1/chat/completions", self.body, self.again)

    async def listen(self, until: str = "[DONE]") -> bool:
        """Listen until some words are there, and lose the connection; whether all is said."""
        async with Connection(self.port) as connection:
            await connection.send(self.request)
            head = await connection.head()
            assert head.status == 200, head.head
            run = head.header("x-run-id")
            while chunk := await connection.chunk():
                for line in chunk.decode().split("\n"):
                    if line == "data: [DONE]":
                        return True
                    self.take(line)
                if until in "".join(self.pieces):
                    break
        if run is not None:
            headers = {**self.common, "Last-Event-ID": str(self.last)}
            self.request = request("GET", f"/v1/runs/{run}/events", b"", headers)
        return False

    def take(self, line: str) -> None:
        if line.startswith("id: "):
            self.number = int(line[4:])
        if line.startswith("data: ") and self.number > self.last:
            self.last = self.number
            choices = json.loads(line[6:]).get("choices") or [{}]
            if content := choices[0].get("delta", {}).get("content"):
                self.pieces.append(content)


@pytest.mark.asyncio(loop_scope="session")
async def test_t28_its_client_says_everything_once_whenever_the_connection_breaks(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    go_on, to_the_end = asyncio.Event(), asyncio.Event()
    frames = text_stream("To", " the", " sea", ", of", " course")
    upstream.script(Stream([*frames[:5], go_on, *frames[5:-4], to_the_end, *frames[-4:]]))
    client = Client(gateway.port, "gw-CANARY-ios", str(uuid4()))
    first = client.request
    assert not await client.listen("To")
    go_on.set()
    client.request = first  # as if it had not heard which run it was
    assert not await client.listen("sea")
    to_the_end.set()
    assert await client.listen()
    assert "".join(client.pieces) == "To the sea, of course"
    assert len(upstream.turns) == 1
