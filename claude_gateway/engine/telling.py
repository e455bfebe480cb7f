"""What a client is told of what went wrong, whatever it was."""

from __future__ import annotations

import asyncio
import logging

from claude_gateway.errors import GatewayError, InternalError, Unavailable

log = logging.getLogger(__name__)


def told(exc: BaseException, request_id: str, *, interrupting: bool) -> GatewayError | None:
    """Return what can be said; None when the client has left, or the process is about to end.

    A cancellation that nobody asked for, and an exit, come from a plugin: defects like any other.
    """
    if isinstance(exc, GatewayError):
        return exc
    if isinstance(exc, asyncio.CancelledError) and _asked_for():
        return stopping() if interrupting else None
    if isinstance(exc, Exception | asyncio.CancelledError | SystemExit):
        log.error("a request failed", exc_info=exc, extra={"request_id": request_id})
        return InternalError("The gateway failed. The log says why, under this request id.")
    return None


def stopping() -> Unavailable:
    """What is said to those whose answer the stop of the gateway cut short."""
    return Unavailable(
        "The gateway is stopping and could not wait for this answer. Try again in a moment.",
        code="shutting_down",
        retry_after=5,
    )


def _asked_for() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
