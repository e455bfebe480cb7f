"""Pass a request on to the worker that has what it is about, and its answer back, as they are.

The other one does all that is to be done with a request: it asks who the caller is, adapts, answers, logs and
counts. All that it is told beside is where the request came from; only what came through the private socket,
which nobody else can reach, is believed to say that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import ClientError, ClientResponse, web
from multidict import CIMultiDict

from claude_gateway.errors import InternalError, Unavailable
from claude_gateway.web.bodies import rest_of
from claude_gateway.web.gateway import GATEWAY, REQUEST_ID
from claude_gateway.web.peers import PEER, is_private, peer_of
from claude_gateway.web.siblings import Siblings

RELAYED = web.RequestKey("relayed", bool)  # whether another worker answers, and logs it
OF_THE_CONNECTION = (
    *("Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect"),
    *("Proxy-Connection", "Content-Length", "Content-Encoding"),
)


class _Response(web.StreamResponse):
    # As in web.streams: the head leaves together with what comes first.
    _send_headers_immediately = False


async def relayed(
    request: web.Request, siblings: Siblings, home: int, body: bytes | None
) -> web.StreamResponse:
    """Let another worker answer. Raises Unavailable when it dies before it does."""
    if is_private(request):
        raise InternalError("Two workers do not agree where something is.")
    if body is None and request.body_exists:
        body = await rest_of(request, request.app[GATEWAY].body_timeout)
    task = asyncio.current_task()
    siblings.relaying.add(task)
    try:
        headers = passed_on(request)
        async with siblings.ask(home, request.method, target_of(request), headers, body) as answer:
            request[RELAYED] = True
            return await _copied(request, answer)
    except ClientError:
        if RELAYED not in request:
            raise lost() from None
        # The client must not take what it has for the whole.
        request.protocol.force_close()
        raise ConnectionResetError("the worker that answered is gone") from None
    finally:
        siblings.relaying.discard(task)


async def _copied(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    headers = _passed(answer.headers)
    response = _Response(status=answer.status, reason=answer.reason, headers=headers)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    await response.prepare(request)
    async for piece in answer.content.iter_any():
        await response.write(piece)
    await response.write_eof()
    return response


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
