"""One line for each request. No prompt, no secret, no query string.

The lines do not go through `logging`: a record with its handlers, locks and flushes costs more than
parsing the request did. They are collected and written together, 20 times a second at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from claude_gateway.types.principals import Principal
from claude_gateway.types.runs import Run

Line = dict[str, object]

FLUSH_AFTER = 0.05  # seconds


class AccessLog:
    """Collects lines; `render` makes text of one, `sink` takes what is written together."""

    def __init__(self, render: Callable[[Line], bytes], sink: Callable[[bytes], object]) -> None:
        self._render = render
        self._sink = sink
        self._lines: list[bytes] = []
        self._second = 0
        self._stamp = ""

    def write(self, fields: Line) -> None:
        """Add a line."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
        self._lines.append(self._render({"time": self._now(), **fields}))

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


def describe(
    request: web.Request,
    request_id: str,
    status: int,
    seconds: float,
    who: tuple[Principal | None, Run | None],
) -> Line:
    """Say what was asked, by whom, and how it ended."""
    fields: Line = {
        "level": "info",
        "event": "request",
        "request_id": request_id,
        "method": request.method,
        "route": route_of(request),
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    principal, run = who
    if principal is not None:
        fields["principal"] = principal.id
    if run is not None:
        _add(fields, run)
    return fields


def route_of(request: web.Request) -> str:
    """Return the template of the route that was resolved."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def _add(fields: Line, run: Run) -> None:
    usage = run.usage
    fields["run"] = run.id
    fields["model"] = run.model
    fields["stream"] = run.stream
    fields["input_tokens"] = usage.prompt_tokens
    fields["output_tokens"] = usage.output_tokens
    if run.first_token is not None:
        fields["first_token_ms"] = round((run.first_token - run.started) * 1000, 2)
    if len(run.rounds) > 1:
        fields["rounds"] = len(run.rounds)
    if run.fallback is not None:
        fields["fallback"] = run.fallback
    if run.retries:
        fields["retries"] = run.retries
    if run.error is not None:
        fields["error"] = run.error
