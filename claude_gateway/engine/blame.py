"""Whose fault a failure is: only upstream's opens a circuit or sends a turn to another model."""

from __future__ import annotations

from claude_gateway.errors import (
    GatewayError,
    Overloaded,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)

CIRCUIT_OPEN, DEADLINE = "circuit_open", "deadline_exceeded"

# What the operator or the caller has to put right. An open circuit would hide what to do about it,
# and a caller in a hurry must not open one for everybody.
NOT_UPSTREAMS = frozenset(
    {"upstream_auth_error", "upstream_billing_error", "no_upstream_key", DEADLINE}
)
SERVER_TROUBLE = 500


def upstreams_fault(exc: BaseException) -> bool:
    """Whether upstream failed: unreachable, silent, broken off, overloaded or a 5xx of its own."""
    if isinstance(exc, UpstreamError | Unavailable | UpstreamTimeout | Overloaded):
        return exc.code not in NOT_UPSTREAMS
    return isinstance(exc, OSError | TimeoutError)


def an_answer(exc: BaseException) -> bool:
    """Whether it is a refusal by an upstream that works."""
    return isinstance(exc, GatewayError) and exc.status < SERVER_TROUBLE
