"""Endpoints of plugins' that show what all workers know, whichever of them is asked.

Each worker keeps beside its socket what it told last. So what is added up does not become less when one
dies: what it had told is there, and what it had not told nobody knows.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from zlib import crc32

from aiohttp import ClientError, web
from multidict import istr

from claude_gateway.interfaces import PluginRoute, Shared
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.peers import is_private
from claude_gateway.web.relay import RELAYED, passed_on, target_of
from claude_gateway.web.siblings import Siblings

SHARE = istr("x-gateway-share")
PATIENCE = 2.0  # seconds; one that is being replaced is counted as it was

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def together(route: PluginRoute) -> Handler:
    """Return the route's handler, with what the other workers share."""
    shares = route.shares
    if shares is None:
        return route.handler
    handler: Callable[[web.Request, Shared], Awaitable[web.StreamResponse]] = route.handler
    shelf = f"share-{crc32(f'{route.method} {route.path}'.encode()):08x}"

    async def show(request: web.Request) -> web.StreamResponse:
        siblings = request.app[GATEWAY].siblings
        if siblings is None:
            return await handler(request, Shared())
        own = shares()
        _keep(siblings.folder, _name(shelf, siblings.index, os.getpid()), own)
        if is_private(request) and SHARE in request.headers:
            request[RELAYED] = True  # nobody has asked for this but the gateway itself
            return web.Response(body=own, headers={SHARE: str(os.getpid())})
        return await handler(request, await _gathered(request, siblings, shelf, own))

    return show


async def _gathered(request: web.Request, siblings: Siblings, shelf: str, own: bytes) -> Shared:
    asked = await asyncio.gather(*(_asked(request, siblings, index) for index in siblings.others))
    found = {_name(shelf, index, pid): body for index, pid, body in asked if pid}
    living = {*found, _name(shelf, siblings.index, os.getpid())}
    gone = [file for file in siblings.folder.glob(f"{shelf}-*") if file.name not in living]
    return Shared(own, tuple(found.values()), tuple(file.read_bytes() for file in gone))


async def _asked(request: web.Request, siblings: Siblings, index: int) -> tuple[int, int, bytes]:
    """Return a worker's number, its process, and what it shares; no process when it is not there."""
    headers = passed_on(request)
    headers[SHARE] = "1"
    try:
        async with (
            asyncio.timeout(PATIENCE),
            siblings.ask(index, request.method, target_of(request), headers, None) as answer,
        ):
            return index, int(answer.headers.get(SHARE, "0")), await answer.read()
    except (ClientError, TimeoutError):
        return index, 0, b""


def _name(shelf: str, index: int, pid: int) -> str:
    return f"{shelf}-{index}-{pid}"


def _keep(folder: Path, name: str, body: bytes) -> None:
    making = folder / f".{name}"
    making.write_bytes(body)
    making.rename(folder / name)
