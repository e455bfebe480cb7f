"""Lists of models, in each dialect's shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from claude_gateway.types.models import ModelInfo, Price


def openai_model(model: ModelInfo) -> dict[str, object]:
    """One entry of OpenAI's list."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "display_name": model.title,
    }


def anthropic_model(model: ModelInfo, today: date | None = None) -> dict[str, object]:
    """One entry of Anthropic's list."""
    today = today or datetime.now(UTC).date()
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title,
        "created_at": _midnight(model.released or date(1970, 1, 1)),
        "lifecycle": _lifecycle(model, today),
        "deprecated_at": _midnight(model.deprecated) if model.deprecated else None,
        "retires_at": _midnight(model.retires) if model.retires else None,
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
    }


def anthropic_page(models: Sequence[ModelInfo]) -> dict[str, object]:
    """Anthropic's list, as one page that holds everything."""
    return {
        "data": [anthropic_model(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }


def capability(model: ModelInfo, aliases: Sequence[str], today: date) -> dict[str, object]:
    """All that is known of a model. Prices are US dollars per million tokens, null if unknown."""
    return {
        "id": model.id,
        "name": model.title,
        "description": model.description,
        "max_tokens": model.max_tokens,
        "max_input_tokens": model.max_input_tokens,
        "supports_streaming": model.streaming,
        "supports_tools": model.tools,
        "supports_vision": model.vision,
        "supports_thinking": model.thinking != "none",
        "supports_structured_outputs": model.structured_outputs,
        "pricing": _pricing(model.tariff(today)),
        "lifecycle": {
            "status": model.status(today),
            "released": model.released.isoformat() if model.released else None,
            "deprecated": model.deprecated.isoformat() if model.deprecated else None,
            "retires": model.retires.isoformat() if model.retires else None,
        },
        "aliases": list(aliases),
    }


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _lifecycle(model: ModelInfo, today: date) -> str:
    if model.retires is not None:
        return "retired" if model.retires <= today else "deprecated"
    return "deprecated" if model.deprecated and model.deprecated <= today else "active"


def _pricing(tariff: Sequence[Price]) -> dict[str, object]:
    """Write what short prompts cost, and every tier where there are several."""
    return {
        "currency": "USD",
        "per_tokens": 1_000_000,
        **_rates(tariff[0] if tariff else None),
        "tiers": [{"above": p.above, **_rates(p)} for p in tariff] if len(tariff) > 1 else None,
    }


def _rates(price: Price | None) -> dict[str, object]:
    return {
        "input": price.input if price else None,
        "output": price.output if price else None,
        "cache_read": price.cache_read if price else None,
        "cache_write_5m": price.cache_write_5m if price else None,
        "cache_write_1h": price.cache_write_1h if price else None,
    }
