"""From a connection to the guard and back, in one step.

aiohttp's own application walks through its router, a stack of applications, a chain of middlewares
and a signal for each request. The gateway has one application, one guard, and one thing to put on
every head: what is looked up is at hand, and nothing is called that has nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.guard import guard
from claude_gateway.web.incoming import Incoming, way_of

LARGEST_READ = (
    64 * 2**20
)  # the net below; bodies are bounded in read_json_body, which knows our envelope


class Passage:
    """Takes the requests of an application to their routes."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._gateway = app[GATEWAY]
        self._loop = asyncio.get_running_loop()
        # Of routes without variables nothing has to be searched for, and of one that is asked for as it is
        # written, nothing parsed.
        self._plain = {
            (route.method, resource.canonical): way_of(
                web.UrlMappingMatchInfo({}, route), self._gateway
            )
            for resource in app.router.resources()
            if isinstance(resource, web.PlainResource)
            for route in resource
            if "%" not in resource.canonical
        }

    def request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> Incoming:
        """Make a request of what has been read."""
        made = Incoming(
            message, payload, protocol, writer, task, self._loop, client_max_size=LARGEST_READ
        )
        made.at(self._app, self._gateway)
        if hdrs.EXPECT not in message.headers:
            made.way = self._plain.get((message.method, message.path))
        return made

    def answer(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Find the route, and pass the guard."""
        assert isinstance(request, Incoming)  # noqa: S101  # made above
        way = request.way
        if way is None and hdrs.EXPECT not in request.headers:  # perhaps it was asked for otherwise
            way = request.way = self._plain.get((request.method, request.rel_url.path_safe))
        return self._sought(request) if way is None else guard(request, way)

    async def _sought(self, request: Incoming) -> web.StreamResponse:
        match = await self._app.router.resolve(request)
        match.add_app(self._app)
        request._match_info = match  # noqa: SLF001  # as aiohttp itself does it
        if request.headers.get(hdrs.EXPECT):
            refusal = await match.expect_handler(request)
            await request.writer.drain()
            if refusal is not None:
                return refusal
        return await guard(request, way_of(match, self._gateway))


def server_of(app: web.Application) -> web.Server:
    """Return what serves an application whose routes are known. A client that leaves stops its handler."""
    passage = Passage(app)
    # handler_cancellation: a client that leaves must stop the paid stream behind it at once.
    return web.Server(passage.answer, request_factory=passage.request, handler_cancellation=True)
