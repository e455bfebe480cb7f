"""A fake of Anthropic's Messages API: real HTTP on a loopback port, scripted by the test.

async with FakeAnthropic() as upstream:
    upstream.script(Reply(429, error("rate_limit_error", "Slow down"), {"retry-after": "1"}))
    ...  # the next call of upstream.url gets the 429, those after it a normal answer
    assert upstream.requests[0].json["model"] == "claude-sonnet-5-5"
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from aiohttp import web

from claude_gateway.testing import replies
from claude_gateway.testing.wire import Block, compact, message, stream

MESSAGES = "/v1/messages"
HEADERS: Mapping[str, str] = {
    "request-id": "req_01",
    "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01Z",
}


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing more until the client leaves."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection at once, whatever was being said."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer in one piece. A mapping is sent as JSON, bytes as they are.

    With `after` nothing is said until the test sets it.
    """

    status: int = 200
    body: bytes | Mapping[str, object] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: asyncio.Event | None = None


Frame: TypeAlias = bytes | float | asyncio.Event | Hang | Cut


@dataclass(frozen=True, slots=True)
class Stream:
    """Answer piece by piece.

    Bytes are written as they are, a write each: half a frame or odd line ends are the test's
    business. A number pauses for so many seconds, an event until the test sets it.
    """

    frames: Sequence[Frame]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Received:
    """A request as it arrived, and how it went.

    `outcome` is `open` while it is being answered, then `answered`, or `left` when the client
    closed the connection before the answer was complete, or `cut` when the script did.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    outcome: Literal["open", "answered", "left", "cut"] = "open"

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Answer: TypeAlias = Reply | Stream | Hang | Cut
Step: TypeAlias = Answer | Callable[[Received], Answer]


def answering(
    *blocks: Block, stop_reason: str = "end_turn", usage: Mapping[str, object] | None = None
) -> Step:
    """Answer with these blocks, streamed or in one piece as the request wants it."""

    def step(received: Received) -> Answer:
        model = str(received.json.get("model"))
        if received.json.get("stream"):
            return Stream(stream(*blocks, stop_reason=stop_reason, usage=usage, model=model))
        return Reply(body=message(*blocks, stop_reason=stop_reason, usage=usage, model=model))

    return step


class FakeAnthropic:
    """The fake; enter it to start, leave it to stop.

    Unless it is scripted it behaves like the API: it wants a credential and a version, streams
    when asked to, counts tokens, lists models. What arrived is in `requests`, oldest first.
    """

    def __init__(self, *, port: int = 0, keys: Collection[str] = ()) -> None:
        """`port` 0 takes any free one. `keys` are those it accepts; none means any."""
        self.requests: list[Received] = []
        self.url = ""
        self._port = port
        self._keys = frozenset(keys)
        self._scripts: defaultdict[str, deque[Step]] = defaultdict(deque)
        self._always: dict[str, Step] = {}
        self._changed = asyncio.Event()
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", self._serve)
        # Without cancellation a client that leaves a silent stream would go unnoticed.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05
        )

    @property
    def open_streams(self) -> int:
        """How many requests are being answered right now."""
        return self._count("open")

    @property
    def turns(self) -> list[Received]:
        """The requests that asked for a message; the gateway looks around with others as well."""
        return [request for request in self.requests if request.path == MESSAGES]

    def script(self, *steps: Step, path: str = MESSAGES) -> None:
        """Queue what the next requests of `path` get, one step each."""
        self._scripts[path].extend(steps)

    def always(self, step: Step, *, path: str = MESSAGES) -> None:
        """Set what every request of `path` gets when nothing is queued."""
        self._always[path] = step

    def reset(self) -> None:
        """Forget scripts and requests; for a fake that several tests share."""
        self.requests.clear()
        self._scripts.clear()
        self._always.clear()

    async def wait_turns(self, n: int = 1, *, timeout: float = 5) -> Received:
        """Wait until `n` requests have asked for a message, and return the last of these."""
        await self._until(lambda: len(self.turns) >= n, timeout)
        return self.turns[n - 1]

    async def wait_closed(self, n: int = 1, *, timeout: float = 5) -> float:
        """Wait until `n` clients have left before their answer was complete.

        Returns how many seconds this took from now on.
        """
        began = asyncio.get_running_loop().time()
        await self._until(lambda: self._count("left") >= n, timeout)
        return asyncio.get_running_loop().time() - began

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            request.method, request.path, request.query_string, request.headers, b""
        )
        received.body = await request.read()
        self.requests.append(received)
        self._change()
        try:
            response = await self._answer(request, received)
        except (asyncio.CancelledError, ConnectionError):
            received.outcome = "left"
            raise
        else:
            received.outcome = "answered" if received.outcome == "open" else received.outcome
            return response
        finally:
            self._change()

    async def _answer(self, request: web.Request, received: Received) -> web.StreamResponse:
        match self._step(received):
            case Reply(status, body, headers, after):
                if after is not None:
                    await after.wait()
                content = body if isinstance(body, bytes) else compact(body).encode()
                kind = {"content-type": "application/json"}
                return web.Response(
                    status=status, body=content, headers={**HEADERS, **kind, **headers}
                )
            case Stream(frames, status, headers):
                kind = {"content-type": "text/event-stream; charset=utf-8"}
                response = web.StreamResponse(
                    status=status,
                    headers={**HEADERS, **kind, "cache-control": "no-cache", **headers},
                )
                await response.prepare(request)
                for frame in frames:
                    await _say(frame, request, response, received)
                return response
            case (Hang() | Cut()) as step:
                response = web.Response()
                await _say(step, request, response, received)
                return response

    def _step(self, received: Received) -> Answer:
        queued = self._scripts[received.path]
        step = queued.popleft() if queued else self._always.get(received.path)
        if step is None:
            return self._usual(received)
        return step(received) if callable(step) else step

    def _usual(self, received: Received) -> Answer:
        status, answer = replies.to(
            received.method, received.path, received.headers, received.body, self._keys
        )
        return Stream(answer, status) if isinstance(answer, list) else Reply(status, answer)

    def _count(self, outcome: str) -> int:
        return sum(received.outcome == outcome for received in self.requests)

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, reached: Callable[[], bool], timeout: float) -> None:
        async with asyncio.timeout(timeout):
            while not reached():
                await self._changed.wait()


async def _say(
    frame: Frame, request: web.Request, response: web.StreamResponse, received: Received
) -> None:
    match frame:
        case bytes():
            await response.write(frame)
        case float() | int():
            await asyncio.sleep(frame)
        case asyncio.Event():
            await frame.wait()
        case Hang():
            await asyncio.Event().wait()
        case Cut():
            received.outcome = "cut"
            if request.transport is not None:
                request.transport.abort()
