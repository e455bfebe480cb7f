"""How a run ended, and what of it becomes part of the conversation."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from claude_gateway import sse
from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted
from claude_gateway.types.resources import Message
from claude_gateway.types.runs import Run, calls_of
from claude_gateway.types.turns import RunRecord, RunStatus
from claude_gateway.types.usage import Usage
from claude_gateway.types.values import replaced

BYTES_A_TOKEN = 4


def final(
    record: RunRecord,
    run: Run,
    status: RunStatus,
    error: GatewayError | None,
    **rest: Any,
) -> RunRecord:
    """Return the record of a run that is over; `rest` are more of its fields."""
    return replaced(
        record,
        model=run.fallback or record.model,
        status=status,
        ended_at=time.time(),
        served_model=run.served_model,
        stop_reason=run.stop_reason,
        error_code=error.code if error else None,
        error_message=redacted(error.message) if error else None,
        usage=run.usage,
        retries=run.retries,
        rounds=calls_of(run) if len(run.rounds) > 1 else (),
        **rest,
    )


def answer(
    message: Mapping[str, object], message_id: str, run: Run | RunRecord, *, whole: bool
) -> Sequence[Message]:
    """Return the answer as a message of the conversation; of half an answer only what was said.

    Half a thought has no signature and half a call no result: they could not be sent upstream
    again. None when nothing is left.
    """
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    if not whole:
        blocks = [b for b in blocks if b.get("type") == "text" and str(b.get("text", "")).strip()]
    if not blocks:
        return ()
    return (
        Message(
            message_id,
            "assistant",
            sse.compact(blocks),
            time.time(),
            text=text_of(blocks),
            token_count=run.usage.output_tokens,
            metadata={} if whole else {"partial": True},
            run_id=run.id,
        ),
    )


def estimated(usage: Usage, message: Mapping[str, object]) -> Usage:
    """Return usage with a guess at the answer's tokens, for an answer whose count never came.

    Upstream counts an answer at its end only, and charges for what it has made until a client
    leaves. Four bytes of text are about a token.
    """
    content = message.get("content")
    said = sum(len(sse.compact(block)) for block in (content if isinstance(content, list) else ()))
    if not said:
        return usage
    return replaced(usage, output_tokens=max(usage.output_tokens, -(-said // BYTES_A_TOKEN)))


def text_of(content: object) -> str:
    """Return what a person reads of content: a string, or its text blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else ()
    texts = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))
