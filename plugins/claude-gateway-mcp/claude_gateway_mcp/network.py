"""HTTP to a server, within bounds, and what its answers say of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from claude_gateway import __version__
from claude_gateway_mcp.reasons import Failed
from claude_gateway_mcp.specs import Address

LARGEST = 20 * 2**20  # bytes of one answer; the gateway takes results of 8 MB
AGENT = f"claude-gateway/{__version__}"
CONNECT = 15.0  # seconds
SILENCE = 600.0  # seconds without a byte of a stream
SIGN_IN, FORBIDDEN, UNKNOWN, WRONG = 401, 403, 404, 400
OLDER = (400, 404, 405)  # how servers that only know SSE refuse Streamable HTTP


def quieten() -> None:
    """Silence the SDK: its errors show what was received, which may be anything. Ours say enough."""
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)


class Watch:
    """Sees every answer of a server: the SDK does not say with which status one was refused."""

    def __init__(self, address: Address, name: str = "") -> None:
        self._address = address
        self._name = name
        self.status = 0
        self.on_refusal: Callable[[], None] | None = None

    async def saw(self, response: httpx2.Response) -> None:
        """Look at an answer whose body was not read yet, and bound it."""
        self.status = response.status_code
        if (
            self.on_refusal is not None
            and WRONG <= self.status != SIGN_IN  # which may be asked again with another token
            and response.request.method == "POST"
        ):
            self.on_refusal()
        if response.headers.get("content-encoding", "identity") != "identity":
            # It was asked for plain bytes; what is packed may become any size.
            del response.headers["content-encoding"]
            response.stream = _Bounded(response.stream, 0)
        elif not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Bounded(response.stream)

    @property
    def older(self) -> bool:
        """Whether the last answer is that of a server which only knows SSE."""
        return self.status in OLDER

    def failure(self, otherwise: Failed) -> Failed:
        """Say why the last request failed, where its status says more than the error."""
        where = self._address.shown
        if self.status == SIGN_IN:
            how = f": claude-gateway mcp login {self._name!r}" if self._name else ""
            return Failed(f"{where} wants somebody to sign in (401){how}.", "auth_required")
        if self.status == FORBIDDEN:
            return Failed(f"{where} does not let the gateway in (403); look at its headers.")
        if self.status == UNKNOWN:
            return Failed(f"There is no MCP server at {where} (404).")
        if self.status >= WRONG:
            return Failed(f"{where} answered with the status {self.status}.")
        return otherwise


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error where it gets too large; none may be packed at all."""

    def __init__(self, stream: object, most: int = LARGEST) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._stream:  # type: ignore[attr-defined]  # of an async client, it is
            size += len(piece)
            if size > self._most:
                why = f"is larger than {LARGEST // 2**20} MB" if self._most else "is compressed"
                raise httpx2.StreamError(f"The answer {why}.")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]


def client(address: Address, watch: Watch, auth: httpx2.Auth | None = None) -> httpx2.AsyncClient:
    """Return a client for one server. It sends what the file says, and nothing of any caller's."""
    return httpx2.AsyncClient(
        headers={"user-agent": AGENT, **address.headers, "accept-encoding": "identity"},
        timeout=httpx2.Timeout(CONNECT, read=SILENCE),
        event_hooks={"response": [watch.saw]},
        auth=auth,
    )


@asynccontextmanager
async def streamable(
    address: Address, watch: Watch, auth: httpx2.Auth | None
) -> AsyncGenerator[object]:
    """Streamable HTTP, as a transport."""
    async with (
        client(address, watch, auth) as http,
        streamable_http_client(
            address.url, http_client=http, max_sse_event_size=LARGEST
        ) as streams,
    ):
        yield streams


@asynccontextmanager
async def sse(address: Address, watch: Watch, auth: httpx2.Auth | None) -> AsyncGenerator[object]:
    """HTTP with SSE, as it was before."""

    def made(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return client(address, watch, auth)

    async with sse_client(address.url, auth=auth, httpx_client_factory=made) as streams:
        yield streams
