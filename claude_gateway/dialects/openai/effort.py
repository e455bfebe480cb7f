"""How much the model should think, in each model's own terms."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import wrong
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
    """Thinking by budget goes with no sampling and no forced call.

    Nor with results of calls, unless the turn that made the calls begins with its thinking.
    """
    choice = params.get("tool_choice")
    forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    return forced or "temperature" in params or "top_p" in params or _forgot_thinking(params)


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
