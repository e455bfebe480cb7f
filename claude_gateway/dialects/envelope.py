"""The one envelope for every failure.

It satisfies openai-python (`error.code`, `.param`, `.type`), anthropic-python (`error.type`,
`.details`, `request_id`) and plain readers (`code`, `message`, `status`) at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.errors import GatewayError, Overloaded, Unavailable
from claude_gateway.redaction import redacted, redacted_value

FLAT = ("code", "message", "param")


def envelope(error: GatewayError, request_id: str, status: int | None = None) -> dict[str, object]:
    """Say what went wrong; `status` is the one really sent, where it differs from the error's."""
    said: dict[str, object] = {
        "code": error.code,
        "message": redacted(error.message),
        "status": status or error.status,
        "type": error.type,
        "param": error.param and redacted(error.param),  # a field may be called like a key
    }
    if error.details is not None:
        said["details"] = redacted_value(error.details)
    return {"type": "error", "error": said, "request_id": request_id}


def openai_envelope(error: GatewayError, request_id: str) -> dict[str, object]:
    """Say it to OpenAI's clients, who do not know 529; before the first byte they get 503, too."""
    status = Unavailable.status if isinstance(error, Overloaded) else error.status
    return envelope(error, request_id, status)


def flattened(said: Mapping[str, object]) -> dict[str, object]:
    """Return what a Responses client reads beside the envelope, as the envelope has it."""
    error = said["error"]
    return {part: error[part] for part in FLAT} if isinstance(error, dict) else {}
