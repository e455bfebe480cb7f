"""Server-Timing: what a request has waited for, as far as that is known when its head is sent."""

from __future__ import annotations

import time

from claude_gateway.context import Context
from claude_gateway.types.runs import Run
from claude_gateway.web.access_log import queued

HEADER = "Server-Timing"


def server_timing(context: Context | None, run: Run | None) -> str | None:
    """Return the header's value, in milliseconds; None for what asked for no credential."""
    if context is None or context.admitted is None:
        return None
    said, spent = f"auth;dur={(context.admitted - context.began) * 1000:.2f}", context.spent
    if waited := queued(context, run):
        said += _metric("queue", waited)
    if spent is not None and spent.store:
        said += _metric("store", spent.store)
    if run is not None and run.asked is not None:
        said += _metric("upstream", _upstream(run, run.asked))
    if spent is not None and spent.tools:
        said += _metric("tools", spent.tools)
    return said


def _metric(name: str, seconds: float) -> str:
    return f", {name};dur={seconds * 1000:.2f}"


def _upstream(run: Run, asked: float) -> float:
    """All that the calls took, once the turn is over; before that, until its first piece came."""
    if run.ended is not None:
        return run.upstream
    return (run.first_token or time.monotonic()) - asked
