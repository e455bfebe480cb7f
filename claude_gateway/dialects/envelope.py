"""The one envelope for every failure.

It satisfies openai-python (`error.code`, `.param`, `.type`), anthropic-python (`error.type`,
`.details`, `request_id`) and plain readers (`code`, `message`, `status`) at once.
"""

from __future__ import annotations

from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted, redacted_value


def envelope(error: GatewayError, request_id: str, status: int | None = None) -> dict[str, object]:
    """Say what went wrong; `status` is the one really sent, where it differs from the error's."""
    said: dict[str, object] = {
        "code": error.code,
        "message": redacted(error.message),
        "status": status or error.status,
        "type": error.type,
        "param": error.param,
    }
    if error.details is not None:
        said["details"] = redacted_value(error.details)
    return {"type": "error", "error": said, "request_id": request_id}
