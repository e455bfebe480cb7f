r"""Talk to the gateway in bytes: to see exactly what it writes, and to send what no client would.

response = await ask(gateway.port, "POST", "/v1/messages", message_body("Hello"))
refused(response, 401, "unauthorized")

async with Connection(gateway.port) as connection:
    await connection.send(request("POST", "/v1/messages", message_body("Hello", stream=True)))
    assert (await connection.head()).status == 200
    assert await connection.chunk() == b": ping\n\n"
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from claude_gateway.testing.wire import MODEL, compact


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, undressed of nothing: the head as it came, and the chunks one by one."""

    status: int
    head: bytes
    chunks: tuple[bytes, ...] = field(default=())

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def frames(self) -> list[bytes]:
        """The body cut behind every blank line, as a stream of events is."""
        return [frame + b"\n\n" for frame in self.body.split(b"\n\n")][:-1]

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Connection:
    """One TCP connection to the gateway. Every wait is bounded by `timeout` seconds."""

    def __init__(self, port: int, *, timeout: float = 5) -> None:
        self._port = port
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, limit=2**22
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    async def send(self, data: bytes) -> None:
        """Write `data`, and wait until it has left."""
        async with asyncio.timeout(self._timeout):
            self._writer.write(data)
            await self._writer.drain()

    async def head(self) -> Response:
        """Read the status line and the headers."""
        async with asyncio.timeout(self._timeout):
            head = await self._reader.readuntil(b"\r\n\r\n")
        return Response(int(head.split(b" ", 2)[1]), head)

    async def chunk(self) -> bytes:
        """Read one chunk of a chunked body: one write of the gateway. Empty at the end."""
        async with asyncio.timeout(self._timeout):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            return (await self._reader.readexactly(size + 2))[:-2]

    async def response(self, *, bodiless: bool = False) -> Response:
        """Read a whole answer; `bodiless` for the answer to HEAD."""
        head = await self.head()
        length = head.header("content-length")
        chunks: list[bytes] = []
        if bodiless or head.status in {204, 304}:
            pass
        elif length is not None:
            async with asyncio.timeout(self._timeout):
                chunks.append(await self._reader.readexactly(int(length)))
        else:
            while chunk := await self.chunk():
                chunks.append(chunk)
        return Response(head.status, head.head, tuple(chunks))

    async def rest(self) -> bytes:
        """Read until the gateway closes the connection."""
        async with asyncio.timeout(self._timeout):
            return await self._reader.read()

    def kill(self) -> None:
        """Be gone, as a phone that lost its network."""
        self._writer.transport.abort()


def request(
    method: str,
    path: str,
    body: bytes | Mapping[str, object] = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of one request. A mapping is sent as JSON; `headers` come behind the usual ones."""
    content = body if isinstance(body, bytes) else compact(body).encode()
    given = {"host": "127.0.0.1"}
    if content:
        given |= {"content-type": "application/json", "content-length": str(len(content))}
    given |= {name.lower(): value for name, value in (headers or {}).items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + content


async def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | Mapping[str, object] = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Send one request on a connection of its own."""
    async with Connection(port) as connection:
        await connection.send(request(method, path, body, headers))
        return await connection.response(bodiless=method == "HEAD")


def chat_body(words: str = "Hello", /, **fields: object) -> dict[str, object]:
    """A request of OpenAI's chat API."""
    return {"model": MODEL, "messages": [{"role": "user", "content": words}], **fields}


def message_body(words: str = "Hello", /, **fields: object) -> dict[str, object]:
    """A request of Anthropic's Messages API."""
    return {**chat_body(words), "max_tokens": 100, **fields}


def response_body(words: str = "Hello", /, **fields: object) -> dict[str, object]:
    """A request of OpenAI's Responses API."""
    return {"model": MODEL, "input": words, **fields}


def asking(path: str, words: str = "Hello", /, **fields: object) -> dict[str, object]:
    """A request that the API at `path` understands."""
    if path.endswith("/responses"):
        return response_body(words, **fields)
    return message_body(words, **fields)


def refused(
    response: Response, status: int, code: str | None = None, param: str | None = None
) -> Mapping[str, Any]:
    """Check that `response` is a refusal in the gateway's envelope, and return its `error`."""
    assert response.status == status, (response.head, response.body)
    assert (response.header("content-type") or "").startswith("application/json")
    body = response.json
    assert set(body) == {"type", "error", "request_id"}
    assert body["type"] == "error"
    error: Mapping[str, Any] = body["error"]
    assert set(error) == {"code", "message", "status", "type", "param"}
    assert error["status"] == status
    assert error["message"]
    assert all(isinstance(error[name], str) for name in ("code", "message", "type"))
    assert response.header("x-request-id") == response.header("request-id") == body["request_id"]
    assert code is None or error["code"] == code
    assert param is None or error["param"] == param
    return error
