"""The thin floor: the least that aiohttp needs to translate a chat, both ways.

No authentication, no checks, no log, no retries, nothing kept: `python -m scripts.benchmark.floor
UPSTREAM_PORT PORT`. Serves until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from typing import Any

import orjson
import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

STOPS = {"end_turn": "stop", "max_tokens": "length", "stop_sequence": "stop"}
HEADERS = {
    "x-api-key": "none",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}
STREAM_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
CLIENT = web.AppKey("CLIENT", ClientSession)
URL = web.AppKey("URL", str)


def to_anthropic(asked: dict[str, Any]) -> dict[str, Any]:
    """Translate a question."""
    system, messages = [], []
    for message in asked["messages"]:
        if message["role"] == "system":
            system.append(message["content"])
        else:
            messages.append({"role": message["role"], "content": message["content"]})
    wanted = {"model": asked["model"], "max_tokens": asked["max_tokens"], "messages": messages}
    if system:
        wanted["system"] = "\n\n".join(system)
    if asked.get("stream"):
        wanted["stream"] = True
    return wanted


def completion(message: dict[str, Any]) -> dict[str, Any]:
    """Translate a whole answer."""
    text = "".join(block["text"] for block in message["content"] if block["type"] == "text")
    used = message["usage"]
    asked, said = used["input_tokens"], used["output_tokens"]
    return {
        "id": "chatcmpl-" + message["id"],
        "object": "chat.completion",
        "created": int(time.time()),
        "model": message["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": STOPS[message["stop_reason"]],
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


class Chunks:
    """Translates a stream, every event through a parser."""

    def __init__(self, model: str) -> None:
        self._tail = b""
        self._same = {
            "id": "chatcmpl-" + uuid.uuid4().hex,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }

    def _chunk(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return b"data: " + orjson.dumps({**self._same, "choices": [choice]}) + b"\n\n"

    def feed(self, data: bytes) -> bytes:
        """Take what has come from upstream; return what the client is sent."""
        *frames, self._tail = (self._tail + data).split(b"\n\n")
        said = []
        for frame in frames:
            event = orjson.loads(frame[frame.index(b"data: ") + 6 :])
            if event["type"] == "content_block_delta":
                said.append(self._chunk({"content": event["delta"]["text"]}))
            elif event["type"] == "message_start":
                said.append(self._chunk({"role": "assistant", "content": ""}))
            elif event["type"] == "message_delta":
                said.append(self._chunk({}, STOPS[event["delta"]["stop_reason"]]))
            elif event["type"] == "message_stop":
                said.append(b"data: [DONE]\n\n")
        return b"".join(said)


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a chat, whole or as a stream."""
    asked = orjson.loads(await request.read())
    body = orjson.dumps(to_anthropic(asked))
    client, url = request.app[CLIENT], request.app[URL]
    async with client.post(url, data=body, headers=HEADERS) as upstream:
        if not asked.get("stream"):
            answer = completion(orjson.loads(await upstream.read()))
            return web.Response(body=orjson.dumps(answer), content_type="application/json")
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        chunks = Chunks(asked["model"])
        async for data in upstream.content.iter_any():
            if said := chunks.feed(data):
                await response.write(said)
        await response.write_eof()
        return response


async def serve(upstream: int, port: int) -> None:
    """Serve."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    connector = TCPConnector(limit=0, keepalive_timeout=60)
    async with ClientSession(
        connector=connector, cookie_jar=DummyCookieJar(), timeout=ClientTimeout(sock_read=300)
    ) as client:
        app[CLIENT], app[URL] = client, f"http://127.0.0.1:{upstream}/v1/messages"
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=4096)
        await site.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), int(sys.argv[2])))
