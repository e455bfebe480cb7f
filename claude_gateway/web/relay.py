"""Pass a request on to the worker that has what it is about, and its answer back, as they are.

The other one does all that is to be done with a request: it asks who the caller is, adapts, answers, logs and
counts. All that it is told beside is where the request came from; only what came through the private socket,
which nobody else can reach, is believed to say that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from aiohttp import ClientError, hdrs, web
from multidict import CIMultiDict

from claude_gateway.errors import InternalError, Unavailable
from claude_gateway.web.bodies import rest_of
from claude_gateway.web.copying import Copying
from claude_gateway.web.gateway import GATEWAY, REQUEST_ID
from claude_gateway.web.peers import PEER, is_private, peer_of
from claude_gateway.web.siblings import Siblings

RELAYED = web.RequestKey("relayed", bool)  # whether another worker answers, and logs it
OF_THE_CONNECTION = (
    *("Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect"),
    *("Proxy-Connection", "Content-Length", "Content-Encoding"),
)


class _Relayed(web.StreamResponse):
    """An answer that another worker has written, down to its head."""

    def __init__(self, status: int, *, keep_alive: bool) -> None:
        super().__init__(status=status)
        self._stays = keep_alive

    @property
    def prepared(self) -> bool:
        return True

    @property
    def keep_alive(self) -> bool:
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        """It is there."""

    async def write_eof(self, data: bytes = b"") -> None:
        """It has ended."""


async def relayed(
    request: web.Request, siblings: Siblings, home: int, body: bytes | None
) -> web.StreamResponse:
    """Let another worker answer: its bytes are the client's. Raises Unavailable when it dies before it does."""
    if is_private(request):
        raise InternalError("Two workers do not agree where something is.")
    if body is None and request.body_exists:
        body = await rest_of(request, request.app[GATEWAY].body_timeout)
    task = asyncio.current_task()
    siblings.relaying.add(task)
    try:
        return await _copied(request, siblings.path_of(home), _written(request, body or b""))
    finally:
        siblings.relaying.discard(task)


async def _copied(request: web.Request, worker: Path, asked: bytes) -> web.StreamResponse:
    """Copy what a worker answers until it closes, as it does after each answer."""

    def begun() -> None:
        request[RELAYED] = True

    copying, loop = Copying(request, asked, begun), asyncio.get_running_loop()
    try:
        await loop.create_unix_connection(lambda: copying, str(worker))
    except OSError:
        raise lost() from None
    try:
        await copying.ended
    finally:
        copying.close()
    answer = copying.answer
    if copying.left:
        raise ConnectionResetError("the client has left")
    if not answer.size:
        raise lost()
    if not answer.whole:
        # The client must not take what it has for the whole.
        request.protocol.force_close()
        raise ConnectionResetError("the worker that answered is gone")
    return _Relayed(answer.status, keep_alive=request.keep_alive)


def _written(request: web.Request, body: bytes) -> bytes:
    """Write a request as it came, for another worker."""
    headers = passed_on(request)
    if not request.keep_alive:
        headers[hdrs.CONNECTION] = "close"
    if body or request.method not in ("GET", "HEAD"):
        headers[hdrs.CONTENT_LENGTH] = str(len(body))
    version = request.version
    first = f"{request.method} {target_of(request)} HTTP/{version.major}.{version.minor}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode(errors="surrogateescape") + body


async def whole(
    request: web.Request, siblings: Siblings, home: int, body: bytes | None
) -> web.Response:
    """Let another worker answer, in one piece. Raises Unavailable when it dies."""
    try:
        headers = passed_on(request)
        async with siblings.ask(home, request.method, target_of(request), headers, body) as answer:
            said = await answer.read()
    except ClientError:
        raise lost() from None
    return web.Response(body=said, status=answer.status, headers=_passed(answer.headers))


def lost() -> Unavailable:
    """What is said when the worker that has something dies before it answers."""
    return Unavailable(
        "The worker that has this has just died; another takes its place. Try again.",
        code="worker_lost",
        retry_after=1,
    )


def target_of(request: web.Request) -> str:
    """Return the path that was asked for, with the query."""
    target = request.raw_path
    return target if target.startswith("/") else request.rel_url.raw_path_qs


def passed_on(request: web.Request) -> CIMultiDict[str]:
    """Return the headers that another worker is asked with."""
    headers = _passed(request.headers)
    headers["x-request-id"] = request[REQUEST_ID]
    headers[PEER] = peer_of(request) or ""
    return headers


def _passed(given: Mapping[str, str]) -> CIMultiDict[str]:
    """Return all headers but those that are about one connection."""
    headers = CIMultiDict(given)
    for name in OF_THE_CONNECTION:
        headers.popall(name, None)
    return headers
