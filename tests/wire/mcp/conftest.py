"""A gateway with a tool server that has one of everything, and the two ways to talk to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Response, ask
from tests.wire.conftest import MCP_KEY as KEY
from tests.wire.conftest import OTHER_MCP_KEY as OTHER_KEY

__all__ = ["KEY", "OTHER_KEY"]

NARROW = ("legacy", "2026-07-28")  # how the official client is told which era to speak
BOTH = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
STATELESS = "2026-07-28"


@asynccontextmanager
async def connected(
    gateway: GatewayProcess, mode: str, path: str = "/mcp", key: str = KEY, **options: Any
) -> AsyncGenerator[Client]:
    """The official client, with a key."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(f"{gateway.url}{path}", http_client=http)
        async with Client(transport, mode=mode, **options) as client:
            yield client


@dataclass
class Raw:
    """Requests as bytes. `session` is the id of one that shook hands."""

    port: int
    key: str = KEY
    path: str = "/mcp"
    session: str = ""
    number: int = field(default=0)

    async def send(
        self,
        body: bytes | Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Response:
        """Send one body, in the session if there is one."""
        mine = {"Mcp-Session-Id": self.session} if self.session else {}
        everything = {"x-api-key": self.key, **BOTH, **mine, **(headers or {})}
        return await ask(self.port, method, self.path, body, everything)

    async def call(self, method: str, **params: object) -> Any:
        """Ask something, and return what comes back, which must be in JSON."""
        self.number += 1
        body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        answer = await self.send(body)
        assert answer.status == 200, answer.body
        assert answer.json["id"] == self.number
        return answer.json

    async def shake(self, version: str = "2025-11-25") -> Any:
        """Begin a session; return what the server says of itself."""
        params = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        body = {"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params}
        answer = await self.send(body)
        assert answer.status == 200, answer.body
        self.session = answer.header("Mcp-Session-Id") or ""
        assert self.session
        assert (await self.note("notifications/initialized")).status == 202
        return answer.json["result"]

    async def note(self, method: str, **params: object) -> Response:
        """Tell something that needs no answer."""
        return await self.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def alone(
        self, method: str, headers: Mapping[str, str] | None = None, **more: object
    ) -> Response:
        """Ask something in the stateless era; `more` are parameters."""
        return await self.send(*standing_alone(method, headers, **more))


def standing_alone(
    method: str, headers: Mapping[str, str] | None = None, **params: object
) -> tuple[dict[str, object], dict[str, str]]:
    """The body and the headers of a request of the stateless era."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"_meta": meta, **params}}
    named = params.get("name") or params.get("uri")
    said = {"MCP-Protocol-Version": STATELESS, "Mcp-Method": method}
    if named is not None:
        said["Mcp-Name"] = str(named)
    return body, {**said, **(headers or {})}


@pytest.fixture
def raw(everything: GatewayProcess) -> Raw:
    return Raw(everything.port)


def frames(body: bytes) -> list[Any]:
    """The messages of a stream."""
    lines = body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


async def until(wanted: Any, ask_again: Any) -> Any:
    """Ask until the answer is what is wanted; the test's own limit ends the waiting."""
    async with asyncio.timeout(20):
        while (answer := await ask_again()) != wanted:
            await asyncio.sleep(0.01)
    return answer
