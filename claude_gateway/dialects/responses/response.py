"""The object `response`: what was asked, how it went, and the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from claude_gateway.dialects.openai import endings
from claude_gateway.dialects.responses.listing import listed
from claude_gateway.dialects.responses.output import CUT, DONE, Client, Item
from claude_gateway.errors import GatewayError, InvalidRequest, RateLimited
from claude_gateway.types.usage import Usage

# Why an answer is not complete, by chat's word for how it ended.
INCOMPLETE: Mapping[str, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority"}


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known before the model answers.

    `created` is in seconds since 1970, `model` is used when upstream names none, and `echo` is what
    the response repeats of the request.
    """

    id: str
    created: int
    model: str
    echo: Mapping[str, object]


def begun(opening: Opening, message: Mapping[str, object]) -> dict[str, object]:
    """Return the response while the model has said nothing but its name."""
    return {
        "id": opening.id,
        "object": "response",
        "created_at": opening.created,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": message.get("model") or opening.model,
        "output": [],
        "usage": None,
        **opening.echo,
    }


def whole(
    opening: Opening, message: Mapping[str, object], client: Client, now: int
) -> dict[str, object]:
    """Translate Anthropic's message; `now` is in seconds since 1970."""
    content = message.get("content")
    blocks = [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []
    items = listed(blocks, client, endings.refusal(message), last_status(message))
    return ended(
        begun(opening, message), message, Usage.from_wire(message.get("usage")), items, now
    )


def ended(
    response: Mapping[str, object],
    ending: Mapping[str, object],
    used: Usage,
    items: Sequence[Item],
    now: int,
) -> dict[str, object]:
    """Return the response at its end; `ending` holds the `stop_reason` and what belongs to it."""
    finished = endings.finish(ending, has_calls=False)
    why = INCOMPLETE.get(str(finished.pop("finish_reason")))
    return {
        **response,
        "status": "incomplete" if why else "completed",
        "completed_at": None if why else now,
        "incomplete_details": {"reason": why} if why else None,
        "output": items,
        "usage": usage(used),
        "service_tier": TIERS.get(used.service_tier, "default"),
        **finished,
        **endings.changes(ending),
    }


def failed(
    response: Mapping[str, object], error: GatewayError, message: str, items: Sequence[Item]
) -> dict[str, object]:
    """Return the response that could not be finished; `message` may be shown."""
    code = "server_error"
    if isinstance(error, RateLimited):
        code = "rate_limit_exceeded"
    elif isinstance(error, InvalidRequest):
        code = "invalid_prompt"
    why = {"code": code, "message": message, "type": error.type, "param": error.param}
    return {**response, "status": "failed", "error": why, "output": items}


def last_status(ending: Mapping[str, object]) -> str:
    """Return the status of the last item: cut where the tokens ran out."""
    finished = endings.finish(ending, has_calls=False)
    return CUT if finished["finish_reason"] == "length" else DONE


def usage(used: Usage) -> dict[str, object]:
    """Count as OpenAI does: the input includes what was cached, and the total is the sum."""
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": used.cache_read_input_tokens,
            "cache_write_tokens": used.cache_creation_input_tokens,
        },
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.thinking_tokens},
        "total_tokens": used.total_tokens,
    }
