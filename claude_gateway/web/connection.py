"""One client connection: what aiohttp's own leaves open, closed.

aiohttp waits for the rest of half-sent headers as long as for a new request, and answers what its
parser refuses below every middleware, in plain text that may quote the request. Both are ours here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from aiohttp import http_exceptions, web
from aiohttp.web_protocol import _ErrInfo

from claude_gateway.errors import GatewayError, InternalError, InvalidRequest, UnsupportedMediaType
from claude_gateway.ids import Ids
from claude_gateway.web.about import NAME
from claude_gateway.web.bodies import alone
from claude_gateway.web.gateway import REQUEST_ID
from claude_gateway.web.guard import from_http
from claude_gateway.web.incoming import Incoming
from claude_gateway.web.replies import failure
from claude_gateway.web.whole import Whole

log = logging.getLogger(__name__)

# With this many connections open, half-sent headers are given a fraction of the patience.
CROWD, IN_A_CROWD = 1_000, 3


class Connection(web.RequestHandler):
    """Speaks HTTP/1.1 with one client. `header_patience` is in seconds.

    A `private` one is with another worker of the same gateway.
    """

    __slots__ = ("_allow_origin", "_header_patience", "_late", "private")

    def __init__(
        self,
        server: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        header_patience: float,
        allow_origin: str = "*",
        private: bool = False,
    ) -> None:
        """`allow_origin` goes on answers that no route has signed."""
        super().__init__(
            server,
            loop=loop,
            access_log=cast("logging.Logger", None),  # aiohttp takes None; its annotation does not
            keepalive_timeout=75,
            lingering_time=5,
            logger=log,
        )
        self._header_patience = header_patience
        self._allow_origin = allow_origin
        self.private = private
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:  # headers are complete
            if self._late is not None:
                self._stop_waiting()
            # Of what the parser refused keep the error alone.
            newest = self._messages[-1][0] if self._messages else None
            if type(newest) is _ErrInfo:
                alone(newest.exc)
        elif self._late is None and not self._request_in_progress:
            self._expect_headers()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on reading, where anything was held back: every body that has been read asks for it."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no middleware saw. The request may hold a key, so none of it is quoted."""
        error = _unreadable(exc)
        if status >= InternalError.status:
            error = InternalError("The gateway failed. The log says why, under this request id.")
        name = request.get(REQUEST_ID) or Ids().request()
        if not isinstance(exc, ConnectionError):  # that is only a client that has left
            log.warning(
                "a request could not be read",
                extra={"request_id": name, "status": status, "reason": type(exc).__name__},
                exc_info=exc if status >= InternalError.status else None,
            )
        response = failure(error, name)
        response.headers.update({"x-request-id": name, "request-id": name, "Server": NAME})
        response.headers["Access-Control-Allow-Origin"] = self._allow_origin
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; say whether the client has left.

        What aiohttp refused on its own way to the guard is put into the envelope. Another worker is told the
        end of an answer by the end of the connection.
        """
        if self.private:
            self.close()
        if type(resp) is Whole and isinstance(request, Incoming) and not self._upgraded:
            data = request.answered(resp)
            if data is not None:
                request._finish()  # noqa: SLF001  # as aiohttp itself does it
                return resp, await self._left(resp, data)
        elif isinstance(resp, web.HTTPException) and isinstance(request, web.Request):
            name = request[REQUEST_ID] = request.get(REQUEST_ID) or Ids().request()
            resp = failure(from_http(resp, request), name)
        return await super().finish_response(request, resp, start_time)

    async def _left(self, answer: Whole, data: bytes) -> bool:
        """Write an answer, and wait if too much of those before it waits; whether the client has left."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return True
        transport.write(data)
        answer.gone(len(data))
        if self._paused:
            try:
                await self._drain_helper()
            except ConnectionError:
                return True
        return False

    def log_exception(self, *args: object, **kw: object) -> None:
        """Say in one line that what came behind an answer was no body, and nothing of who has left.

        Anybody can send that, without a key, and aiohttp's own words may quote what was sent.
        """
        exc = kw.get("exc_info")
        if isinstance(exc, web.RequestPayloadError):
            alone(exc)
            log.warning("the rest of a request could not be read")
        elif self.transport is not None or not isinstance(exc, RuntimeError):
            super().log_exception(*args, **kw)

    def _expect_headers(self) -> None:
        server = self._manager
        crowded = server is not None and len(server._connections) > CROWD  # noqa: SLF001
        patience = self._header_patience / (IN_A_CROWD if crowded else 1)
        self._late = self._loop.call_later(patience, self._too_late)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if not self._request_in_progress and not self._messages:
            self.force_close()


class HeadersTooLarge(InvalidRequest):
    """More, or longer, headers than are read."""

    status = 431
    default_code = "headers_too_large"


def _unreadable(exc: BaseException | None) -> GatewayError:
    """Say what a client can do about a request that the parser refused."""
    match exc:
        case http_exceptions.ContentEncodingError():
            return UnsupportedMediaType("Send the body uncompressed, or with gzip or deflate.")
        case http_exceptions.LineTooLong():
            return HeadersTooLarge("A header or the URL is longer than the 8190 bytes read here.")
        case http_exceptions.BadHttpMessage() if "Too many headers" in exc.message:
            return HeadersTooLarge("The request has more headers than are read here.")
        case _:
            return InvalidRequest("The request is not valid HTTP.", code="invalid_http_request")
