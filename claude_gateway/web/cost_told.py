"""The cost of a run, explained to a client."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from claude_gateway.models.explaining import Explained
from claude_gateway.types.turns import RunRecord


def written_cost(
    run: RunRecord, calls: Sequence[Explained], total: Decimal | None
) -> dict[str, object]:
    """What a run cost, explained. What nobody knows is null, and `unknown` says what that is."""
    return {
        "id": run.id,
        "object": "run.cost",
        "model": run.model,
        "status": run.status,
        "final": run.over,
        "booked_cost": _figure(run.cost) if run.over else None,
        "total_cost": _figure(total),
        "rounds": [_call(call) for call in calls],
        "rounds_known": bool(run.rounds) or not run.usage.total_tokens,
        "unknown": _unknown(calls),
    }


def _call(call: Explained) -> dict[str, object]:
    price = call.price
    since = None if price is None or price.since is None else price.since.isoformat()
    return {
        "prompt_tokens": call.usage.prompt_tokens,
        "tier_above_tokens": None if price is None else price.above,
        "price_since": since,
        "factor": float(call.factor),
        "service_tier": call.usage.service_tier or None,
        "inference_geo": call.usage.inference_geo or None,
        "parts": [
            {
                "class": part.of,
                "tokens": part.tokens,
                "dollars_per_million": _figure(part.rate),
                "cost": _figure(part.dollars),
            }
            for part in call.cost.parts
        ],
        "cost": _figure(call.cost.dollars),
    }


def _unknown(calls: Sequence[Explained]) -> list[str]:
    """Name the classes of tokens whose rate would be needed, and is unknown."""
    parts = [part for call in calls for part in call.cost.parts]
    return list(dict.fromkeys(part.of for part in parts if part.tokens and part.rate is None))


def _figure(known: Decimal | None) -> float | None:
    return None if known is None else float(known)
