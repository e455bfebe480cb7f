"""How much the model should think, in each model's own terms."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import optional, wrong
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


def effort(
    fields: Mapping[str, object],
    model: ModelInfo,
    params: Mapping[str, object],
    ignored: list[str],
) -> dict[str, object]:
    """Translate `reasoning_effort` to `thinking` or `output_config`; `params` are the others."""
    asked = optional(fields, "reasoning_effort", str)
    if asked is None:
        return {}
    if asked not in LEVELS and asked != "none":
        wrong(
            "reasoning_effort",
            f"must be one of none, {', '.join(LEVELS)}",
            code="unsupported_value",
        )
    if model.thinking == "none":
        ignored.append("reasoning_effort")
        return {}
    if model.thinking == "manual":
        return {} if asked == "none" else _by_budget(asked, params, ignored)
    if asked == "none" and model.thinking != "always":
        return {"thinking": {"type": model.no_thinking}}
    if not model.efforts:
        ignored.append("reasoning_effort")
        return {}
    return {"output_config": {"effort": _level(LEVELS.get(asked, "low"), model)}}


def _level(asked: str, model: ModelInfo) -> str:
    """Return the highest level that the model takes and that is not above what was asked."""
    order = list(LEVELS.values())
    lower = [level for level in model.efforts if order.index(level) <= order.index(asked)]
    return lower[-1] if lower else model.efforts[0]


def _by_budget(asked: str, params: Mapping[str, object], ignored: list[str]) -> dict[str, object]:
    most = params.get("max_tokens")
    room = most // 2 if isinstance(most, int) else 0
    if room < SMALLEST_BUDGET or _forbids_thinking(params):
        ignored.append("reasoning_effort")
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": min(BUDGETS[asked], room)}}


def _forbids_thinking(params: Mapping[str, object]) -> bool:
    """Thinking by budget goes with no sampling, no forced call and no results of calls.

    Results would have to follow a turn that begins with its thinking, and a chat history has none.
    """
    choice = params.get("tool_choice")
    forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    return forced or "temperature" in params or "top_p" in params or _answers_calls(params)


def _answers_calls(params: Mapping[str, object]) -> bool:
    messages = params.get("messages")
    content = messages[-1].get("content") if isinstance(messages, list) and messages else None
    return isinstance(content, list) and any(b.get("type") == "tool_result" for b in content)
