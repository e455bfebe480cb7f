"""How much the model should think, in each model's own terms."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.openai.caching import THOUGHTS
from claude_gateway.types.models import ModelInfo

LEVELS: Mapping[str, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
# Of models that think by budget: tokens, at most half of the answer's and at least what is allowed.
BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 4096,
    "medium": 16_384,
    "high": 32_768,
    "xhigh": 49_152,
    "max": 65_536,
}
SMALLEST_BUDGET = 1024
# Newer models keep their thinking to themselves, and with it what they say between calls of tools.
SHOWN: Mapping[str, object] = {"type": "adaptive", "display": "summarized"}
WILLING = ("adaptive", "always")
SUMMARIES = ("auto", "concise", "detailed")


def effort(
    asked: str | None,
    path: str,
    model: ModelInfo,
    params: Mapping[str, object],
    ignored: list[str],
) -> dict[str, object]:
    """Translate a level of effort to `thinking` or `output_config`; `params` are the others."""
    if asked is None:
        return {}
    if asked not in LEVELS and asked != "none":
        wrong(path, f"must be one of none, {', '.join(LEVELS)}", code="unsupported_value")
    if model.thinking == "none":
        ignored.append(path)
        return {}
    if model.thinking == "manual":
        thinking = {} if asked == "none" else _by_budget(asked, params)
        if asked != "none" and not thinking:
            ignored.append(path)
        return thinking
    if asked == "none" and model.thinking != "always":
        return {"thinking": {"type": model.no_thinking}}
    if not model.efforts:
        ignored.append(path)
        return {}
    return {"output_config": {"effort": _level(LEVELS.get(asked, "low"), model)}}


def shown(
    asked_by: str,
    sent: dict[str, object],
    model: ModelInfo,
    params: Mapping[str, object],
    ignored: list[str],
) -> dict[str, object]:
    """Ask upstream to show the thinking that is `sent` for; `asked_by` is the field that wants it.

    Without such a field nothing changes. Thinking by budget was always shown.
    """
    if not asked_by or (model.thinking == "manual" and "thinking" in sent):
        return sent
    if "thinking" not in sent and model.thinking in WILLING and not _is_bound(params):
        return {**sent, "thinking": SHOWN}
    ignored.append(asked_by)
    return sent


def summary(reasoning: Mapping[str, object]) -> str:
    """Return the field that asks to see the reasoning, in OpenAI's newer words, if it does."""
    path = "reasoning.summary"
    asked = optional(reasoning, "summary", str, "reasoning.")
    if asked not in (None, *SUMMARIES):
        wrong(path, f"must be one of {', '.join(SUMMARIES)}", code="unsupported_value")
    return path if asked else ""


def _level(asked: str, model: ModelInfo) -> str:
    """Return the highest level that the model takes and that is not above what was asked."""
    order = list(LEVELS.values())
    lower = [level for level in model.efforts if order.index(level) <= order.index(asked)]
    return lower[-1] if lower else model.efforts[0]


def _by_budget(asked: str, params: Mapping[str, object]) -> dict[str, object]:
    most = params.get("max_tokens")
    room = most // 2 if isinstance(most, int) else 0
    if room < SMALLEST_BUDGET or _forbids_thinking(params):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": min(BUDGETS[asked], room)}}


def _forbids_thinking(params: Mapping[str, object]) -> bool:
    """Thinking by budget goes with results only when the turn with the calls begins with thinking."""
    return _is_bound(params) or _forgot_thinking(params)


def _is_bound(params: Mapping[str, object]) -> bool:
    """Thinking that is asked for goes with no sampling and no forced call."""
    choice = params.get("tool_choice")
    forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    return forced or "temperature" in params or "top_p" in params


def _forgot_thinking(params: Mapping[str, object]) -> bool:
    messages = params.get("messages")
    before, last = [None, None, *messages][-2:] if isinstance(messages, list) else (None, None)
    if not any(block.get("type") == "tool_result" for block in _blocks(last)):
        return False
    first = next(iter(_blocks(before)), {})
    return first.get("type") not in THOUGHTS


def _blocks(message: object) -> list[dict[str, object]]:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, list) else []
