"""The errors that a script can ask for, by status."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway import (
    Conflict,
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)

STATUSES: Mapping[int, type[GatewayError]] = {
    error.status: error
    for error in (
        InvalidRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        Conflict,
        PayloadTooLarge,
        RateLimited,
        InternalError,
        UpstreamError,
        Unavailable,
        UpstreamTimeout,
        Overloaded,
    )
}


def failure(status: int, message: str, retry_after: float | None) -> GatewayError:
    """Make the error that a script asked for."""
    text = message or f"The mock backend was told to fail with {status}."
    return STATUSES[status](text, retry_after=retry_after)


def cut_off() -> GatewayError:
    """Make the error of a stream that ends before its last event."""
    return UpstreamError("The model's service closed the connection in the middle of its answer.")
