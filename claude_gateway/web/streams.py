"""Answer with a stream of events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from aiohttp import HttpVersion11, web

from claude_gateway import sse
from claude_gateway.context import Context
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.engine.hearing import tell
from claude_gateway.engine.telling import told
from claude_gateway.profiles import Frames
from claude_gateway.types.events import Event
from claude_gateway.types.watching import StreamEnd
from claude_gateway.web.access_log import route_of
from claude_gateway.web.adapted import ADAPTED, Adapted
from claude_gateway.web.gateway import CONTEXT, GATEWAY, REQUEST_ID

log = logging.getLogger(__name__)


class _Response(web.StreamResponse):
    # The head leaves together with the first frames, in one packet and one system call.
    _send_headers_immediately = False


class EventStream:
    """A response that is committed by its first bytes: until then an error is still a status."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self.last_write = self._began = time.monotonic()
        self._writes = 0
        self._longest_gap = 0.0
        self._request = request
        self._context = request.get(CONTEXT) or Context("")
        self._response = _Response(headers=sse.HEADERS)
        self._write: Callable[[bytes], Awaitable[None]]  # there once it is committed
        self._headers = headers
        self._committing = asyncio.Lock()
        self._ping = sse.PING
        self.committed = False

    async def send(self, data: bytes) -> None:
        """Write; waits only while the client is far behind."""
        if not self.committed:
            await self._commit()
        now = time.monotonic()
        if self._writes and now - self.last_write > self._longest_gap:
            self._longest_gap = now - self.last_write
        self.last_write = now
        self._writes += 1
        self._context.sent += len(data)
        await self._write(data)

    async def send_last(self, data: bytes) -> None:
        """Write what nothing follows, in one packet with the end of the response."""
        if not self.committed:
            await self._commit()
        self._write = self._response.write_eof  # a heartbeat from now on is nothing
        await self.send(data)

    def over(self) -> None:
        """Tell those who want to know; called once, however it ended."""
        those = self._request.app[GATEWAY].hearing.streams
        if those and self._writes:
            seconds = time.monotonic() - self._began
            figures = (seconds, self._writes, self._context.sent, self._longest_gap)
            tell(those, StreamEnd(route_of(self._request), *figures))

    async def beat(self) -> None:
        """Write a comment. A client that has left is noticed elsewhere."""
        try:
            await self.send(self._ping)
        except (ConnectionError, RuntimeError):
            log.debug("no one to hear the heartbeat")

    def has_numbers(self) -> None:
        """Take note that the frames have numbers, among which comments are written otherwise."""
        self._ping = sse.PING_AMONG_NUMBERS

    async def settled(self) -> bool:
        """Say whether it is committed, once that is certain."""
        async with self._committing:
            return self.committed

    async def end(self) -> web.StreamResponse:
        """Finish the response, which may have had nothing to say."""
        if not self.committed:
            await self._commit()
        await self._response.write_eof()
        return self._response

    async def _commit(self) -> None:
        async with self._committing:
            if not self.committed:
                self._response.headers.update(self._headers)
                if self._request.version < HttpVersion11:  # which knows no end but the connection's
                    self._response.force_close()
                await self._response.prepare(self._request)
                self._write = self._response.write
                self.committed = True


class AdaptedStream(EventStream):
    """A response whose frames a client profile rewrites."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], frames: Frames) -> None:
        super().__init__(request, headers)
        self._frames = frames

    async def send(self, data: bytes) -> None:
        """Write what the profile makes of it."""
        await super().send(self._frames(data))

    def has_numbers(self) -> None:
        """A profile is given whole frames only, comments as well."""


def event_stream(request: web.Request, headers: Mapping[str, str]) -> EventStream:
    """Open a response; `headers` may still change until something is sent."""
    adapted: Adapted | None = request.get(ADAPTED)
    frames = adapted.adaptation.frames(headers) if adapted is not None else None
    return (
        EventStream(request, headers) if frames is None else AdaptedStream(request, headers, frames)
    )


async def stream_reply(
    request: web.Request,
    batches: AsyncGenerator[Sequence[Event]],
    encoder: Encoder,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Write every batch as it comes. Raises what went wrong while a status can still be sent.

    Cancelled when the client leaves; leaving `aclosing` then lets go of upstream.
    """
    gateway = request.app[GATEWAY]
    stream = event_stream(request, headers)
    gateway.pulse.watch(stream)
    try:
        async with aclosing(batches):
            async for batch in batches:
                if data := encoder.feed(batch):
                    await stream.send(data)
    except ConnectionError:
        raise
    except BaseException as exc:
        if not stream.committed:
            raise
        last = _last_words(exc, encoder, request[REQUEST_ID], interrupting=gateway.interrupting)
        if last is None:
            raise
        await stream.send(last)
    finally:
        gateway.pulse.forget(stream)
        stream.over()
    return await stream.end()


def _last_words(
    exc: BaseException, encoder: Encoder, request_id: str, *, interrupting: bool
) -> bytes | None:
    """Return what the client is told in the stream; None when nobody is left to tell."""
    error = told(exc, request_id, interrupting=interrupting)
    return None if error is None else encoder.fail(error, request_id)
