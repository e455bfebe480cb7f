"""Answer one request: in JSON if it is soon done, as a stream if there is something to tell before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from math import isfinite

from aiohttp import web

from claude_gateway.dialects.mcp import writing
from claude_gateway.dialects.mcp.messages import Id, frame, notification
from claude_gateway.types.tools import Progress
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.mcp_server.working import Made
from claude_gateway.web.replies import bytes_reply
from claude_gateway.web.streams import EventStream

PATIENCE = 5.0  # seconds for a tool to let go
MOST_WAITING = 100  # of what a slow client is still to be told; what is older is left out


class ProgressLine:
    """Takes what a tool says of its progress, from any thread, until somebody writes it."""

    def __init__(self, token: Id | None) -> None:
        """Without a `token` nobody wants to hear of it."""
        self._token = token
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Progress] = deque(maxlen=MOST_WAITING)
        self._said: float | None = None
        self.woken = asyncio.Event()

    def take(self, progress: Progress) -> None:
        """Remember it; waits for nothing."""
        if self._token is not None:
            self._loop.call_soon_threadsafe(self._keep, progress)

    def frames(self) -> bytes:
        """Return what is to be told now. Progress only ever grows."""
        written = b""
        while self._waiting and self._token is not None:
            progress = self._waiting.popleft()
            if _can_be_told(progress) and (self._said is None or progress.done > self._said):
                self._said = progress.done
                told = writing.progress(self._token, progress)
                written += frame(notification("notifications/progress", told))
        return written

    def _keep(self, progress: Progress) -> None:
        self._waiting.append(progress)
        self.woken.set()


def _can_be_told(progress: Progress) -> bool:
    """Whether a stranger's code said what it should: finite numbers, and a text."""
    numbers = [progress.done] if progress.total is None else [progress.done, progress.total]
    words: object = progress.message
    return isinstance(words, str) and all(map(_is_number, numbers))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


class Reply:
    """The answer that `task` is making."""

    def __init__(
        self, request: web.Request, work: Coroutine[object, object, Made], line: ProgressLine
    ) -> None:
        """`work` begins at once; whoever cancels `task` ends it."""
        self.task = asyncio.create_task(work)
        self.task.add_done_callback(lambda _task: line.woken.set())
        self._request = request
        self._line = line

    async def sent(self) -> web.StreamResponse:
        """Send it. A client that leaves ends the work; work that was cancelled gets no answer."""
        stream = EventStream(self._request, {})
        pulse = self._request.app[GATEWAY].pulse
        pulse.watch(stream)  # a first beat makes a stream of it
        try:
            while not self.task.done():
                await self._line.woken.wait()
                self._line.woken.clear()
                if frames := self._line.frames():
                    await stream.send(frames)
        finally:
            pulse.forget(stream)
            await self._over()
        if self.task.cancelled():
            return await stream.end()
        made = self.task.result()
        if not await stream.settled():
            return bytes_reply(made.body, made.status)
        await stream.send(frame(made.body))
        return await stream.end()

    async def _over(self) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=PATIENCE)
