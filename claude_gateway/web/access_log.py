"""One line for each request. No prompt, no secret, no query string.

The lines do not go through `logging`: a record with its handlers, locks and flushes costs more than
parsing the request did. They are collected and written together, 20 times a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from claude_gateway.context import Context
from claude_gateway.types.principals import Principal
from claude_gateway.types.runs import Run
from claude_gateway.web.peers import client_address

Line = dict[str, object]

FLUSH_AFTER = 0.05  # seconds
# An answer that the operator may have to do something about: the gateway's own defect; upstream's, or too
# much to do; a caller who was not let in.
FAILED, FAILING, REFUSED = 500, 501, (401, 403)
TOO_MUCH = 429
LEFT = "cancelled"  # the client did; that is no failure


@dataclass(slots=True)
class Ended:
    """How a request ended: `seconds` after it began, and whose it was, as far as that is known."""

    status: int
    seconds: float
    principal: Principal | None = None
    run: Run | None = None

    @property
    def level(self) -> str:
        """How much the line matters."""
        status, error = self.status, None if self.run is None else self.run.error
        if error is None and status < REFUSED[0]:
            return "info"
        if status == FAILED:
            return "error"
        broken = error is not None and error != LEFT
        return "warning" if status >= FAILING or status in REFUSED or broken else "info"


class AccessLog:
    """Collects lines; `render` makes text of one, `sink` takes what is written together."""

    def __init__(
        self,
        render: Callable[[Line], bytes],
        sink: Callable[[bytes], object],
        least: str = "info",
    ) -> None:
        """Lines that matter less than `least` are not written."""
        levels = logging.getLevelNamesMapping()
        self._wanted = {
            name
            for name in ("info", "warning", "error")
            if levels[name.upper()] >= levels[least.upper()]
        }
        self._render = render
        self._sink = sink
        self._lines: list[bytes] = []
        self._second = 0
        self._stamp = ""

    def wants(self, level: str) -> bool:
        """Whether a line of this level is written; making one that is not would be for nothing."""
        return level in self._wanted

    def write(self, fields: Line) -> None:
        """Add a line, which is given its time."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
        fields["time"] = self._now()
        self._lines.append(self._render(fields))

    def flush(self) -> None:
        """Write what has been collected; also called once at the end."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._sink(b"".join(lines))

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


def describe(request: web.Request, context: Context, ended: Ended, level: str, route: str) -> Line:
    """Say what was asked, by whom, and how it ended."""
    method = request.method
    fields: Line = {
        "time": "",  # in front of the others; known when it is written
        "level": level,
        "event": "request",
        "request_id": context.request_id,
        "method": method,
        "route": route,
        "status": ended.status,
        "ms": milliseconds(ended.seconds),
        "bytes_in": request.content.total_bytes,
        "bytes_out": context.sent if method != "HEAD" else 0,
    }
    if ended.principal is not None:
        fields["principal"] = ended.principal.id
    if ended.status in REFUSED or ended.status == TOO_MUCH:
        fields["peer"] = client_address(request)  # for those who keep out whoever tries too often
    if ended.run is not None:
        _add(fields, ended.run)
    if waited := queued(context, ended.run):
        fields["queue_ms"] = milliseconds(waited)
    if context.spent is not None:
        waits = ("store_ms", context.spent.store), ("tools_ms", context.spent.tools)
        fields.update((name, milliseconds(wait)) for name, wait in waits if wait)
    return fields


def queued(context: Context, run: Run | None) -> float:
    """Return the seconds waited for other turns: of the session, and for a place among all."""
    own = context.spent.queue if context.spent is not None else 0.0
    return own if run is None else own + run.queued


def route_of(request: web.Request) -> str:
    """Return the template of the route that was resolved."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical


def milliseconds(seconds: float) -> float:
    """Return them to the hundredth, which `round` takes long to find."""
    return int(seconds * 100_000 + 0.5) / 100


def _add(fields: Line, run: Run) -> None:
    usage = run.usage
    fields["run"] = run.id
    fields["model"] = run.model
    fields["stream"] = run.stream
    fields["input_tokens"] = usage.prompt_tokens
    fields["output_tokens"] = usage.output_tokens
    if (cost := run.cost()) is not None:
        fields["cost"] = float(cost)
    if run.first_token is not None:
        fields["first_token_ms"] = milliseconds(run.first_token - run.started)
    if run.upstream:
        fields["upstream_ms"] = milliseconds(run.upstream)
    if len(run.rounds) > 1:
        fields["rounds"] = len(run.rounds)
    if run.fallback is not None:
        fields["fallback"] = run.fallback
    if run.retries:
        fields["retries"] = run.retries
    if run.error is not None:
        fields["error"] = run.error
