"""Everything that can go wrong, as one tree.

GatewayError
├── InvalidRequest 400        ├── RateLimited 429
├── Unauthorized 401          ├── InternalError 500
├── Forbidden 403             ├── UpstreamError 502
├── NotFound 404              ├── Unavailable 503
├── MethodNotAllowed 405      ├── UpstreamTimeout 504
├── Conflict 409              └── Overloaded 529
├── PayloadTooLarge 413       └── StorageFull 507
└── UnsupportedMediaType 415
SettingsError, PluginError: the gateway cannot start.

A message is a sentence its reader can act on, and never contains a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import ClassVar, Self


class GatewayError(Exception):
    """An answer that is not a success: status, machine-readable code, and what to do next.

    `type` uses Anthropic's vocabulary of error types, `code` is ours; together they satisfy the
    OpenAI and the Anthropic clients with one envelope.
    """

    status: ClassVar[int] = 500
    default_type: ClassVar[str] = "api_error"
    default_code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913  # what may be said of an error, all of it optional
        self,
        message: str,
        *,
        code: str | None = None,
        type: str | None = None,  # noqa: A002  # the name of the field on the wire
        param: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """`retry_after` is in seconds; `param` is the path of the field that was wrong.

        `should_retry` overrides what the class says about trying the same call again. `details` are
        JSON for programs: Anthropic's clients look for an `error_code` in them.
        """
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.type = type or self.default_type
        self.param = param
        self.retry_after = retry_after
        self.should_retry = self.retryable if should_retry is None else should_retry
        self.details = details

    def again(self) -> Self:
        """Return the same error without its past, which would keep the frames it passed alive."""
        return copy(self)


class InvalidRequest(GatewayError):
    """The request is wrong, and sending it again will not help."""

    status = 400
    default_type = "invalid_request_error"
    default_code = "invalid_request"


class Unauthorized(GatewayError):
    """No credential, or a wrong one."""

    status = 401
    default_type = "authentication_error"
    default_code = "unauthorized"


class Forbidden(GatewayError):
    """The caller is known, or its way in is not allowed, and may not do this."""

    status = 403
    default_type = "permission_error"
    default_code = "forbidden"


class NotFound(GatewayError):
    """It does not exist, or belongs to somebody else: the caller cannot tell which."""

    status = 404
    default_type = "not_found_error"
    default_code = "not_found"


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not; `allowed` are those that do."""

    status = 405
    default_type = "invalid_request_error"
    default_code = "method_not_allowed"

    def __init__(self, message: str, allowed: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed


class Conflict(GatewayError):
    """Busy, or in a state that forbids the request."""

    status = 409
    default_type = "conflict_error"
    default_code = "conflict"


class Gone(GatewayError):
    """What could have been done before is not possible any more."""

    status = 410
    type = "invalid_request_error"
    default_code = "gone"


class PayloadTooLarge(GatewayError):
    """The body is larger than the gateway reads."""

    status = 413
    default_type = "request_too_large"
    default_code = "request_too_large"


class UnsupportedMediaType(GatewayError):
    """A body that is not JSON; also what stops a form post from a foreign web page."""

    status = 415
    default_type = "invalid_request_error"
    default_code = "unsupported_media_type"


class RateLimited(GatewayError):
    """Too much, too fast; `retry_after` says when to come back."""

    status = 429
    default_type = "rate_limit_error"
    default_code = "rate_limited"
    retryable = True


class BudgetExceeded(RateLimited):
    """There is no money left for this, and trying again at once does not make any."""

    default_code = "budget_exceeded"
    retryable = False


class InternalError(GatewayError):
    """A defect of the gateway or of one of its plugins."""


class UpstreamError(GatewayError):
    """The model's service failed or answered something that cannot be used."""

    status = 502
    default_code = "upstream_error"
    retryable = True


class Unavailable(GatewayError):
    """Not now: starting, stopping or without what it needs."""

    status = 503
    default_code = "unavailable"
    retryable = True


class UpstreamTimeout(GatewayError):
    """The model's service did not answer in time."""

    status = 504
    default_type = "timeout_error"
    default_code = "upstream_timeout"
    retryable = True


class Overloaded(GatewayError):
    """The model's service is overloaded. OpenAI's clients do not know 529 and are given 503."""

    status = 529
    default_type = "overloaded_error"
    default_code = "overloaded"
    retryable = True


class StorageFull(GatewayError):
    """There is no room to keep what must be kept, so nothing was begun."""

    status = 507
    default_code = "storage_full"
    retryable = True


class SettingsError(Exception):
    """Settings that cannot be used; carries every mistake found, not only the first."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class PluginError(Exception):
    """A plugin that cannot be loaded or opened, said in one sentence with its cure."""


# Codes of ends of runs, where they are not the usual code of their error.
ENDS: Mapping[str, type[GatewayError]] = {
    "cancelled": Conflict,
    "interrupted": Unavailable,
    "shutting_down": Unavailable,
    "answer_too_large": PayloadTooLarge,
    "budget_exceeded": BudgetExceeded,
    "model_unpriced": Forbidden,
}


def revived(code: str, message: str) -> GatewayError:
    """Return the error that was kept as its code and message."""
    usual = {kind.default_code: kind for kind in GatewayError.__subclasses__()}
    kind = {**usual, **ENDS}.get(code, UpstreamError)
    return kind(message, code=code)
