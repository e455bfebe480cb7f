"""Show a run on a connection: from any frame on, live to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web

from claude_gateway.engine.telling import told
from claude_gateway.errors import GatewayError, NotFound
from claude_gateway.runs.frames import following
from claude_gateway.runs.live import LiveRun
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.addresses import who_of
from claude_gateway.web.gateway import GATEWAY, REQUEST_ID, Gateway
from claude_gateway.web.streams import EventStream, event_stream

ASK_AGAIN = 1.0  # seconds until somebody who may not watch any more is shown nothing more
LOOK_AGAIN = 0.25  # seconds; a live run's log is stored about as often

Fail: TypeAlias = Callable[[GatewayError, str], bytes]


class Viewer:
    """One connection that watches. Frames up to `after` are not shown."""

    def __init__(self, request: web.Request, stream: EventStream, after: int = 0) -> None:
        self._request = request
        self._gateway: Gateway = request.app[GATEWAY]
        self._stream = stream
        self._at = after

    async def show(self, run: LiveRun | RunRecord, *, silent_is_status: bool = True) -> None:
        """Show a run to its end. Raises what it failed of when there was nothing to show before.

        Whoever watches in somebody else's project is shown it for as long as they may see it.
        """
        record = run if isinstance(run, RunRecord) else run.record
        who, showing = who_of(self._request, record.owner), self._show(run, silent_is_status)
        if isinstance(who, str) or self._gateway.runs is None:
            await showing
            return
        store = self._gateway.runs.store
        await while_allowed(showing, lambda: store.get_run(who, record.id))

    async def _show(self, run: LiveRun | RunRecord, silent_is_status: bool) -> None:
        if isinstance(run, RunRecord):
            await self._elsewhere(run)
            return
        run.watchers += 1
        try:
            await self._live(run, silent_is_status=silent_is_status)
        except (asyncio.CancelledError, ConnectionError):
            run.watchers -= 1
            self._gateway.left(run)
            raise
        except BaseException:
            run.watchers -= 1
            raise
        run.watchers -= 1

    async def end(self) -> web.StreamResponse:
        """Finish the response."""
        return await self._stream.end()

    async def _live(self, run: LiveRun, *, silent_is_status: bool) -> None:
        log = run.log
        while True:
            frames = log.after(self._at)
            if frames is None:
                await self._stored(run.record.owner, run.record.id, log.stored)
            elif frames:
                silent = silent_is_status and run.silent and not self._stream.committed
                if silent and run.failure is not None:
                    raise run.failure.again()
                self._at = log.last
                if log.closed:
                    await self._stream.send_last(frames)
                    return
                await self._stream.send(frames)
            elif log.closed:
                return
            else:
                await log.more()

    async def _elsewhere(self, run: RunRecord) -> None:
        """Show a run that does not live here: it is over, or another process is at it."""
        runs = self._gateway.runs
        while runs is not None:
            await self._stored(run.owner, run.id)
            if run.over:
                if self._at < run.last_event:
                    raise forgotten()
                return
            await asyncio.sleep(LOOK_AGAIN)
            run = await runs.store.get_run(run.owner, run.id)

    async def _stored(self, owner: str, run_id: str, until: int | None = None) -> None:
        """Show what the store has, up to `until` or to the end."""
        runs = self._gateway.runs
        while runs is not None and (until is None or self._at < until):
            found = await runs.store.read_events(owner, run_id, self._at)
            if not found:
                return
            for events in found:
                if events.last > self._at:
                    await self._stream.send(following(events.frames, events.first, self._at))
                    self._at = events.last


async def while_allowed(
    showing: Coroutine[Any, Any, None], ask: Callable[[], Awaitable[object]]
) -> None:
    """Go on for as long as `ask` raises nothing; what it raises ends it."""
    shown = asyncio.create_task(showing)
    asking = asyncio.create_task(_keep_asking(ask))
    try:
        await asyncio.wait((shown, asking), return_when=asyncio.FIRST_COMPLETED)
        await (shown if shown.done() else asking)
    finally:
        for task in (shown, asking):
            task.cancel()
        await asyncio.gather(shown, asking, return_exceptions=True)


async def _keep_asking(ask: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(ASK_AGAIN)
        await ask()


async def ended_elsewhere(gateway: Gateway, run: RunRecord) -> RunRecord:
    """Wait for the end of a run that does not live here."""
    while not run.over and gateway.runs is not None:
        await asyncio.sleep(LOOK_AGAIN)
        run = await gateway.runs.store.get_run(run.owner, run.id)
    return run


def forgotten() -> NotFound:
    """What is said when a run's frames are asked for later than they are kept."""
    return NotFound(
        "What this run has sent is not kept any more. Its session's messages still have the answer, "
        "if it was in a session; GET /v1/runs/{id} has the figures.",
        code="events_forgotten",
    )


@asynccontextmanager
async def watched(
    request: web.Request, headers: Mapping[str, str], fail: Fail, after: int = 0
) -> AsyncGenerator[Viewer]:
    """Open a stream that is kept from falling silent.

    What goes wrong inside is raised while a status can still be sent, and told in the stream when
    it cannot.
    """
    gateway = request.app[GATEWAY]
    stream = event_stream(request, headers)
    stream.has_numbers()
    gateway.pulse.watch(stream)
    try:
        yield Viewer(request, stream, after)
    except ConnectionError:
        raise
    except BaseException as exc:
        if not stream.committed:
            raise
        error = told(exc, request[REQUEST_ID], interrupting=gateway.interrupting)
        if error is None:
            raise
        await stream.send(fail(error, request[REQUEST_ID]))
    finally:
        gateway.pulse.forget(stream)
        stream.over()
