"""What makes every figure of a gateway move."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import Response, ask, chat_body
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import MODEL, text_stream, tool_use

KEY = "gw-metrics-key"
CHAT = "/v1/chat/completions"
OPUS = "claude-opus-5-5"
BROKEN = {"mcpServers": {"broken": {"command": "no-such-program"}}}
OVERLOADED = Reply(529, {"type": "error", "error": {"type": "overloaded_error", "message": "No"}})
DEAR = {"input_tokens": 1000, "output_tokens": 2_000_000, "cache_read_input_tokens": 500}


def environment(upstream: FakeAnthropic) -> dict[str, str]:
    """The settings of a gateway for this traffic."""
    return {
        "ANTHROPIC_API_KEY": "sk-ant-api03-key",
        "ANTHROPIC_BASE_URL": upstream.url,
        "GATEWAY_API_KEYS": KEY,
        "GATEWAY_MAX_RETRIES": "1",
        "GATEWAY_BREAKER_FAILURES": "5",
        "GATEWAY_FALLBACKS": f"{OPUS}={MODEL}",
    }


@dataclass
class Traffic:
    """Clients of all kinds."""

    gateway: GatewayProcess
    upstream: FakeAnthropic
    held: list[asyncio.Task[Response]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes = b"", key: str = KEY
    ) -> Response:
        return await ask(self.gateway.port, method, path, body, {"x-api-key": key})

    async def round(self) -> None:
        """One of each: an answer, a stream, a dear one, a retry, a stand-in, tools, a session, trouble."""
        await self.ask("GET", "/v1/nowhere")
        await self.ask("POST", CHAT, chat_body())
        self.upstream.script(Stream(text_stream("One", "two", usage=DEAR)))
        await self.ask("POST", CHAT, chat_body(stream=True))
        await self.ask("POST", CHAT, chat_body(model="claude-unheard-of-9"))
        self.upstream.script(OVERLOADED)
        await self.ask("POST", CHAT, chat_body())
        self.upstream.script(OVERLOADED, OVERLOADED)
        await self.ask("POST", CHAT, chat_body(model=OPUS))
        self.upstream.script(Stream([*text_stream("Half")[:3], Cut()]))
        await self.ask("POST", CHAT, chat_body(stream=True))
        await self._tools()
        await self._session()
        await self._budget()
        await asyncio.gather(*(self.ask("GET", "/v1/models", key="gw-wrong") for _ in range(100)))

    async def hold(self) -> None:
        """Let a stream stand open, a turn wait for another, and calls wait for a person."""
        beginning, *end = text_stream("Hello")
        busy, asking = [await self._new_session() for _ in range(2)]
        self.upstream.script(Stream([beginning, self.release, *end]))
        self._send(chat_body(session_id=busy, stream=True))
        await self.upstream.wait_turns(len(self.upstream.turns) + 1)
        self._send(chat_body(session_id=busy, if_busy="queue"))
        call = tool_use("mcp_filesystem__list_directory", "{}")
        self.upstream.script(answering(call, stop_reason="tool_use"))
        mcp = {"enabled_servers": ["mcp_filesystem"], "approval": "ask"}
        self._send(chat_body(session_id=asking, mcp=mcp, stream=True))

    async def fail(self) -> None:
        """Let upstream fail until its circuit opens, and it goes on failing."""
        self.upstream.always(OVERLOADED)
        for _ in range(10):
            await self.ask("POST", CHAT, chat_body())

    async def end(self) -> None:
        """Let go of what is held."""
        self.release.set()
        for turn in self.held:
            turn.cancel()
        await asyncio.gather(*self.held, return_exceptions=True)

    async def _tools(self) -> None:
        for path in (".", "none", "none", "none"):
            call = {
                "server": "mcp_filesystem",
                "tool": "list_directory",
                "arguments": {"path": path},
            }
            await self.ask("POST", "/v1/mcp/tools/call", call)

    async def _session(self) -> None:
        session = await self._new_session()
        await self.ask("POST", CHAT, chat_body(session_id=session))
        await self.ask("DELETE", f"/v1/sessions/{session}")

    async def _budget(self) -> None:
        made = await ask(self.gateway.port, "POST", "/v1/admin/keys", {"name": "poor", "budget": 0})
        await self.ask("POST", CHAT, chat_body(), key=made.json["key"])

    async def _new_session(self) -> str:
        return str((await self.ask("POST", "/v1/sessions", {})).json["id"])

    def _send(self, body: Mapping[str, object]) -> None:
        self.held.append(asyncio.create_task(self.ask("POST", CHAT, body)))
