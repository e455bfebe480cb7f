"""Upstream's failures, translated once, at this border."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeAlias, TypeGuard

import orjson

from claude_gateway import (
    Conflict,
    Forbidden,
    GatewayError,
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

# Upstream's status → our error, for those that tell the caller something.
BY_STATUS: Mapping[int, type[GatewayError]] = {
    400: InvalidRequest,
    404: NotFound,
    409: Conflict,
    413: PayloadTooLarge,
    422: InvalidRequest,
    429: RateLimited,
    503: Unavailable,
    504: UpstreamTimeout,
    529: Overloaded,
}
# The type of an error event, once the status line has long been sent.
BY_TYPE: Mapping[str, type[GatewayError]] = {
    "invalid_request_error": InvalidRequest,
    "not_found_error": NotFound,
    "request_too_large": PayloadTooLarge,
    "rate_limit_error": RateLimited,
    "timeout_error": UpstreamTimeout,
    "overloaded_error": Overloaded,
}
# What upstream says of a conversation that does not fit, and what can be done then.
TOO_LONG = re.compile(r"prompt is too long|exceed context limit")
SHORTEN = (
    ". Send less of the conversation: begin a new one, or go on from an earlier message of this one "
    "(a session can be forked); or choose a model with a larger window."
)
BAD_REQUEST, UNAUTHORIZED, BILLING, FORBIDDEN = 400, 401, 402, 403
SHUT_OUT = ("authentication_error", "permission_error")  # such events do not pass, either
# Upstream does not take thinking back: something before it has changed, or it is another account's.
THINKING = re.compile(
    r"is bound to a different |invalid .?signature.? in .?(?:redacted_)?thinking.? block"
    r"|.?thinking.? (?:or .?redacted_thinking.? )?blocks .*cannot be modified",
    re.IGNORECASE,
)
# Besides every status from 500 up, as Anthropic's own clients see it. 409 is a lock that timed out.
MAY_PASS, FAULT_OF_THEIRS = (408, 409, 429), 500
LONGEST_MESSAGE, LONGEST_DETAILS = 2_000, 10_000
LONGEST_WAIT = 10.0**7  # seconds; "inf" is a number, too

Said: TypeAlias = tuple[str, str, Mapping[str, object] | None]  # type, message, details
NOTHING: Said = ("", "", None)


def from_response(
    status: int, body: bytes, headers: Mapping[str, str], *, own_key: bool
) -> GatewayError:
    """Translate a refusal. `own_key` is whether the caller's own key was used."""
    kind, message, details = _said(body)
    retry_after = _seconds(headers)
    if status == UNAUTHORIZED and own_key:
        return Unauthorized(f"Anthropic does not accept your key: {message or status}")
    if status == FORBIDDEN and own_key:
        return Forbidden(f"Anthropic does not let your key do this: {message or status}")
    if status in (UNAUTHORIZED, FORBIDDEN):
        # Not the caller's fault; a 401 here would log their app out.
        return UpstreamError(
            f"Anthropic does not accept the gateway's key ({status}). Whoever runs this gateway "
            "must check ANTHROPIC_API_KEY and ANTHROPIC_API_KEYS.",
            code="upstream_auth_error",
            should_retry=False,
        )
    if status == BILLING:
        return UpstreamError(
            f"Anthropic refuses for reasons of billing: {message}",
            code="upstream_billing_error",
            type="billing_error",
            should_retry=False,
        )
    if status == BAD_REQUEST and TOO_LONG.search(message):
        return InvalidRequest(
            f"{message}{SHORTEN}", code="context_length_exceeded", details=details
        )
    error = BY_STATUS.get(status, UpstreamError)
    rejected = status == BAD_REQUEST and THINKING.search(message) is not None
    return error(
        message or f"Anthropic answered with status {status}.",
        code="thinking_rejected" if rejected else None,
        type=kind if status in BY_STATUS and kind else None,
        retry_after=retry_after,
        should_retry=_asked(headers, status),
        details=details,
    )


def from_event(data: Mapping[str, object]) -> GatewayError:
    """Translate an error event inside a stream."""
    kind, message, details = _parts(data)
    message = message or "Anthropic broke the stream off."
    if kind in SHUT_OUT:  # as with a status: a client takes that type for a refusal of its own key
        return UpstreamError(message, code="upstream_auth_error", should_retry=False)
    if kind == "billing_error":
        return UpstreamError(message, code="upstream_billing_error", type=kind, should_retry=False)
    return BY_TYPE.get(kind, UpstreamError)(message, type=kind or None, details=details)


def unreachable(exc: BaseException) -> UpstreamError | UpstreamTimeout:
    """Upstream did not take the request."""
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout("Anthropic did not answer in time.")
    if (why := _distrust(exc)) is not None:
        return UpstreamError(
            f"The certificate at ANTHROPIC_BASE_URL cannot be trusted: {why}. Check the URL; behind "
            "a proxy with an authority of its own, point SSL_CERT_FILE to that.",
            code="upstream_untrusted",
            should_retry=False,
        )
    return UpstreamError(
        f"Anthropic cannot be reached ({type(exc).__name__}). Check the network and "
        "ANTHROPIC_BASE_URL.",
        code="upstream_unreachable",
    )


def lost(exc: BaseException) -> UpstreamError | UpstreamTimeout:
    """Upstream took the request and broke off. It may have been paid for: not tried again."""
    if isinstance(exc, TimeoutError):
        return UpstreamTimeout(
            "Anthropic fell silent in the middle of the answer.", should_retry=False
        )
    return UpstreamError(
        f"The connection to Anthropic broke in the middle of the answer ({type(exc).__name__}).",
        code="upstream_truncated",
        should_retry=False,
    )


def truncated(where: str) -> UpstreamError:
    """Upstream's stream stopped where it may not."""
    return UpstreamError(
        f"Anthropic's stream ended {where}; the answer is not complete.", code="upstream_truncated"
    )


def malformed(why: str) -> UpstreamError:
    """Upstream's stream makes no sense."""
    return UpstreamError(f"Anthropic's stream cannot be read: {why}.", code="upstream_malformed")


def _distrust(exc: BaseException | None) -> str | None:
    """Say what is wrong with a certificate, if that is at the root of it."""
    while exc is not None:
        # aiohttp's error of this kind is one only by name, and has the real one as its cause.
        if isinstance(exc, ssl.SSLCertVerificationError) and hasattr(exc, "verify_message"):
            return exc.verify_message.rstrip(".") or "it does not verify"
        exc = exc.__cause__ or exc.__context__
    return None


def _said(body: bytes) -> Said:
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(body)
        if isinstance(value, dict):
            return _parts(value)
    return NOTHING


def _parts(value: Mapping[str, object]) -> Said:
    error = value.get("error")
    if not isinstance(error, Mapping):
        return NOTHING
    kind, message, details = (error.get(name) for name in ("type", "message", "details"))
    return (
        kind if isinstance(kind, str) else "",
        message[:LONGEST_MESSAGE] if isinstance(message, str) else "",
        details if _fits(details) else None,
    )


def _fits(details: object) -> TypeGuard[Mapping[str, object]]:
    with suppress(orjson.JSONEncodeError):  # nested deeper than can be written
        return isinstance(details, Mapping) and len(orjson.dumps(details)) <= LONGEST_DETAILS
    return False


def _seconds(headers: Mapping[str, str]) -> float | None:
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):  # absent, or a date, which the SDK rarely meets
            value = float(headers[name]) / unit
            if 0 <= value <= LONGEST_WAIT:
                return value
    return None


def _asked(headers: Mapping[str, str], status: int) -> bool:
    may_pass = status in MAY_PASS or status >= FAULT_OF_THEIRS
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""), may_pass)
