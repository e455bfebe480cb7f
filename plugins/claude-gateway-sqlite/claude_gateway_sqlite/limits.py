"""The limits of a key, as they are kept with it."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal

from claude_gateway import Limits


def limits(value: Limits) -> str | None:
    """JSON of what is limited; the budget as text, so that it stays exact."""
    told = {field.name: getattr(value, field.name) for field in fields(value)}
    some = {name: part for name, part in told.items() if part is not None}
    return json.dumps(some, default=str) if some else None


def limited(text: str | None) -> Limits:
    if text is None:
        return Limits()
    told = json.loads(text)
    return Limits(**{**told, "budget": Decimal(told["budget"])} if "budget" in told else told)
