"""Thinking that goes back to the model which thought it.

Newer models check that nothing before it has changed. Upstream is asked to drop what does not fit;
where it rejects thinking all the same, all of it may be left out, which it always accepts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from claude_gateway.engine.tally import mapping
from claude_gateway.errors import GatewayError
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.runs import Run

log = logging.getLogger(__name__)

REJECTED = "thinking_rejected"  # the code of upstream's refusal
CHANGES, DROPPED = "input_transformations", "thinking_dropped"

THOUGHTS = ("thinking", "redacted_thinking")
BETA, CONTROLS = "anthropic-beta", "thinking-binding-controls-2026-08-01"
DROP: Mapping[str, object] = {"prefix_mismatch_behavior": "drop_block"}
# What these models do when nothing is said of thinking, so that saying it changes nothing else.
USUAL: Mapping[str, object] = {"type": "adaptive"}
WILLING = ("adaptive", "always")
LONGEST_REASON = 100  # characters


def binds(model: ModelInfo) -> bool:
    """Whether requests to this model should say what becomes of thinking that does not fit."""
    return model.binds_thinking and model.thinking in WILLING


def bound(request: ModelRequest) -> ModelRequest:
    """Return it with the wish to drop what does not fit, if it sends thinking back.

    The wish has no place where thinking is turned off, or cannot be asked for.
    """
    if not request.binds_thinking or not _thinks(request.messages):
        return request
    asked = request.params.get("thinking", USUAL)
    if not isinstance(asked, Mapping) or asked.get("type") not in ("adaptive", "enabled"):
        return request
    if "block_binding" in asked or _forced(request.params):
        return request
    params = {**request.params, "thinking": {**asked, "block_binding": DROP}}
    betas = f"{request.headers.get(BETA, '')},{CONTROLS}".split(",")
    named = ",".join(dict.fromkeys(name for beta in betas if (name := beta.strip())))
    return replace(request, params=params, headers={**request.headers, BETA: named})


def rejects(error: GatewayError, request: ModelRequest) -> bool:
    """Whether upstream rejected thinking that may as well be left out."""
    return error.code == REJECTED and request.may_forget and _thinks(request.messages)


def without_thinking(request: ModelRequest, run: Run) -> ModelRequest:
    """Leave all thinking out; the run will say so."""
    run.forgot_thinking = True
    log.warning(
        "upstream rejected earlier thinking, trying again without it",
        extra={"run": run.id, "request_id": run.request_id, "model": request.model},
    )
    messages = [left for message in request.messages if (left := _silenced(message))["content"]]
    params = {**request.params, "messages": messages}
    if mapping(params.get("thinking")).get("type") == "enabled":
        del params["thinking"]  # by budget, a turn with calls may not go back without its thinking
    return replace(request, params=params)


def changes(said: Mapping[str, object]) -> list[object]:
    """Return what upstream says it changed in a request, by its message or the end of one."""
    found = said.get(CHANGES)
    return found if isinstance(found, list) else []


def note_dropped(run: Run, said: Mapping[str, object]) -> None:
    """Note, and log once, that upstream dropped thinking."""
    if CHANGES not in said or run.forgot_thinking:
        return
    dropped = [mapping(change) for change in changes(said)]
    dropped = [change for change in dropped if change.get("type") == DROPPED]
    if not dropped:
        return
    run.forgot_thinking = True
    reasons = sorted({str(change.get("reason"))[:LONGEST_REASON] for change in dropped})
    about = {"run": run.id, "request_id": run.request_id, "model": run.model}
    log.warning(
        "upstream dropped earlier thinking",
        extra={**about, "blocks": len(dropped), "reasons": ",".join(reasons)},
    )


def _thinks(messages: Sequence[object]) -> bool:
    for each in messages:
        message = mapping(each)
        if message.get("role") == "assistant" and any(map(_is_thought, _blocks(message))):
            return True
    return False


def _silenced(message: Mapping[str, object]) -> Mapping[str, object]:
    blocks = _blocks(message)
    if message.get("role") != "assistant" or not blocks:
        return message
    return {**message, "content": [block for block in blocks if not _is_thought(block)]}


def _blocks(message: Mapping[str, object]) -> Sequence[object]:
    content = message.get("content")
    return content if isinstance(content, list) else ()


def _is_thought(block: object) -> bool:
    return isinstance(block, Mapping) and block.get("type") in THOUGHTS


def _forced(params: Mapping[str, object]) -> bool:
    """Whether a call is demanded, with which thinking cannot be asked for."""
    return mapping(params.get("tool_choice")).get("type") in ("any", "tool")
