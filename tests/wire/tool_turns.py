"""What the tests of turns with tools share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Received
from claude_gateway.testing.raw import Connection, Response, ask, request
from claude_gateway.testing.wire import Block, tool_use

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
GATE: Mapping[str, object] = {"enabled_servers": ["gate"]}
CLIENTS = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}


def calling(tool: str, id_: str = "toolu_01", **arguments: object) -> Block:
    """A call of one of the gate's tools."""
    return tool_use(f"gate__{tool}", json.dumps(arguments), id=id_)


def installed(folder: Path, module: str = "gate_tools") -> dict[str, str]:
    """Install the gate's plugin, or another one, and return the environment that finds it."""
    source = Path(__file__).with_name(f"{module}.py")
    (folder / source.name).write_text(source.read_text())
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    name = module.replace("_", "-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    entry = f"{module.partition('_')[0]} = {module}:plugin"
    (info / "entry_points.txt").write_text(f"[claude_gateway]\n{entry}\n")
    return {"PYTHONPATH": str(folder)}


def messages(received: Received) -> list[tuple[str, Any]]:
    """What a request upstream says."""
    return [(m["role"], m["content"]) for m in received.json["messages"]]


def results(received: Received) -> list[dict[str, Any]]:
    """The results of calls in the last message of a request upstream."""
    content = received.json["messages"][-1]["content"]
    return [block for block in content if block["type"] == "tool_result"]


def frames(body: bytes) -> list[dict[str, Any]]:
    """The JSON of the frames of a stream."""
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def said(body: bytes) -> str:
    """The text of a streamed chat answer."""
    chunks = [frame for frame in frames(body) if frame["choices"]]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


async def chat(gateway: GatewayProcess, words: object = "Go", **fields: object) -> Response:
    """Ask for an answer."""
    given = [{"role": "user", "content": words}] if isinstance(words, str) else words
    body = {"model": "sonnet", "messages": given, **fields}
    return await ask(gateway.port, "POST", CHAT, body)


async def get(gateway: GatewayProcess, path: str) -> Any:
    """Return what is there."""
    response = await ask(gateway.port, "GET", path)
    assert response.status == 200, (path, response.body)
    return response.json


async def history(gateway: GatewayProcess, session: str) -> list[dict[str, Any]]:
    """Return the messages of a session."""
    listed = await get(gateway, f"/v1/sessions/{session}/messages?limit=1000")
    return list(listed["messages"])


async def opened(gateway: GatewayProcess, path: str, body: Mapping[str, object]) -> Connection:
    """Send a request, and leave its connection open."""
    connection = await Connection(gateway.port).__aenter__()
    await connection.send(request("POST", path, body))
    return connection


async def there(path: Path, timeout: float = 5) -> None:
    """Wait until a file is there."""
    async with asyncio.timeout(timeout):
        while not path.exists():
            await asyncio.sleep(0.01)


def workspace(gateway: GatewayProcess) -> Path:
    """Where the gateway's projects are."""
    return gateway.folder / "workspace"


async def turns(upstream: FakeAnthropic, n: int) -> list[Received]:
    """Return the requests upstream, of which there are `n`."""
    await upstream.wait_turns(n)
    assert len(upstream.turns) == n
    return upstream.turns
