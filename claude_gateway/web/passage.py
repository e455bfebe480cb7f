"""From a connection to the guard and back, in one step.

aiohttp's own application walks through its router, a stack of applications, a chain of middlewares
and a signal for each request. The gateway has one application, one guard, and one thing to put on
every head: what is looked up is at hand, and nothing is called that has nothing to do.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from claude_gateway.web.guard import guard
from claude_gateway.web.signing import SIGNS, sign
from claude_gateway.web.whole import Whole

LARGEST_READ = (
    64 * 2**20
)  # the net below; bodies are bounded in read_json_body, which knows our envelope


class Incoming(web.Request):
    """A request, which knows its application without asking, and what it lacks without an exception."""

    ATTRS = web.Request.ATTRS | {"app"}
    app = cast(
        "web.Application", None
    )  # no property, as it is elsewhere: whoever makes one sets it

    def clone(self, **changes: Any) -> Incoming:
        made = super().clone(**changes)
        assert isinstance(made, Incoming)  # noqa: S101  # aiohttp makes one of the same class
        made.app = self.app
        return made

    def get(self, key: Any, default: Any = None) -> Any:
        return self._state.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._state

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        sign(response, self.signature())

    def answered(self, answer: Whole) -> bytes | None:
        """Return an answer as it is sent; None if aiohttp is to write it."""
        return answer.written(self._message, self.signature)

    def signature(self) -> list[tuple[str, str]]:
        """Return what an answer has on its head, whoever made it."""
        if self._match_info is None:  # what could not be read; the connection signs its own answers
            return []
        return [header for signature in self.app[SIGNS] for header in signature(self)]


class Passage:
    """Takes the requests of an application to their routes."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._loop = asyncio.get_running_loop()
        # Of routes without variables nothing has to be searched for.
        self._plain = {
            (route.method, resource.canonical): route
            for resource in app.router.resources()
            if isinstance(resource, web.PlainResource)
            for route in resource
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
        made.app = self._app
        return made

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Find the route, and pass the guard."""
        assert isinstance(request, Incoming)  # noqa: S101  # made above
        route = self._plain.get((request.method, request.rel_url.path_safe))
        if route is not None:
            match = web.UrlMappingMatchInfo({}, route)
        else:
            match = await self._app.router.resolve(request)
        match.add_app(self._app)
        request._match_info = match  # noqa: SLF001  # as aiohttp itself does it
        if request.headers.get(hdrs.EXPECT):
            refusal = await match.expect_handler(request)
            await request.writer.drain()
            if refusal is not None:
                return refusal
        return await guard(request, match.handler)


def server_of(app: web.Application) -> web.Server:
    """Return what serves an application whose routes are known. A client that leaves stops its handler."""
    passage = Passage(app)
    # handler_cancellation: a client that leaves must stop the paid stream behind it at once.
    return web.Server(passage.answer, request_factory=passage.request, handler_cancellation=True)
