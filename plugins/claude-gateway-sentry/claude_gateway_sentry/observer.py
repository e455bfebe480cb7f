"""Decides what is worth a report: what went wrong on our side, once."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar

from claude_gateway import (
    Observer,
    Overloaded,
    RequestEnd,
    Run,
    StorageFull,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_FAULT = 500
# Codes of runs that are no caller's mistake. An internal error was reported with its exception.
OURS = frozenset(
    kind.default_code
    for kind in (UpstreamError, Unavailable, UpstreamTimeout, Overloaded, StorageFull)
)
UPSTREAMS = "upstream_"
# Whether what fails in this context has been reported already, in more detail.
REPORTED: ContextVar[bool] = ContextVar("claude_gateway_sentry_reported", default=False)


class Reporting(Observer):
    """Makes events of defects, of runs and of requests; `send` puts one into a queue."""

    def __init__(self, send: Callable[[dict[str, object]], None], traces: float) -> None:
        self._send = send
        self._traces = traces

    def defect(self, what: str, exceptions: list[dict[str, object]], request: str) -> None:
        """Report an exception that nobody expected."""
        REPORTED.set(True)
        tags = {"request_id": request} if request else {}
        self._send(
            {
                "level": "error",
                "logger": "claude_gateway",
                "logentry": {"message": what},
                "exception": {"values": exceptions},
                "tags": tags,
            }
        )

    def run_ended(self, run: Run) -> None:
        """Report a turn that failed on our side, or upstream's."""
        code = run.error or ""
        if code not in OURS and not code.startswith(UPSTREAMS):
            return
        REPORTED.set(True)
        self._send(
            {
                "level": "error",
                "logger": "claude_gateway",
                "logentry": {"message": f"a run failed: {code}"},
                "fingerprint": ["run", code, run.served_backend or run.backend],
                "tags": {
                    "code": code,
                    "backend": run.served_backend or run.backend,
                    "model": run.model if run.listed else "other",
                    "run": run.id,
                    "request_id": run.request_id,
                },
            }
        )

    def request_ended(self, request: RequestEnd) -> None:
        """Report an answer that says it is our fault, unless that was done already."""
        method = request.method if request.method in METHODS else "_OTHER"
        name, reported = f"{method} {request.route}", REPORTED.get()
        REPORTED.set(False)  # the next request on this connection is done in the same context
        if request.status >= SERVER_FAULT and not reported:
            self._send(
                {
                    "level": "error",
                    "logger": "claude_gateway",
                    "logentry": {"message": f"{name} was answered with {request.status}"},
                    "fingerprint": ["request", name, str(request.status)],
                    "transaction": name,
                    "tags": {"status": str(request.status)},
                }
            )
        if self._traces and random.random() < self._traces:  # noqa: S311  # a sample, no secret
            self._send(_transaction(name, request))


def _transaction(name: str, request: RequestEnd) -> dict[str, object]:
    now = time.time()
    return {
        "type": "transaction",
        "transaction": name,
        "transaction_info": {"source": "route"},
        "start_timestamp": now - request.seconds,
        "timestamp": now,
        "tags": {"http.status_code": str(request.status)},
        "contexts": {
            "trace": {
                "trace_id": secrets.token_hex(16),
                "span_id": secrets.token_hex(8),
                "op": "http.server",
                "status": "internal_error" if request.status >= SERVER_FAULT else "ok",
            }
        },
        "spans": [],
    }
