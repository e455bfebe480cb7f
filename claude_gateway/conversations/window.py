"""Whether a conversation still fits into the model's window.

Upstream counted the last prompt with its answer; what is new is estimated. Text that does not fit is
refused with advice: leaving out what was said, without being asked to, would be a lie to both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.resources import Message, Session

# No fewer bytes than this make a token in ordinary text; images and documents are not judged by it.
BYTES_A_TOKEN = 6
HEAVY = (b'"base64"', b'"document"', b'"image"')


def check_window(session: Session, fresh: Sequence[Message], model: ModelInfo) -> None:
    """Raise InvalidRequest when the turn surely does not fit."""
    new = sum(len(m.content) for m in fresh if not any(sign in m.content for sign in HEAVY))
    needed = session.context_tokens + new // BYTES_A_TOKEN
    if needed > model.max_input_tokens:
        raise InvalidRequest(
            f"The conversation has about {needed:,} tokens and {model.id} reads "
            f"{model.max_input_tokens:,}. Begin a new session, fork this one at an earlier message "
            "(POST /v1/sessions/{id}/fork with up_to), or choose a model with a larger window.",
            code="context_length_exceeded",
            param="messages",
        )
