"""Whether an answer fits the shape that was asked for, which upstream does not always promise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import orjson

from claude_gateway.schemas import Untold, mistake, schema_mistake, without_patterns

Verdict: TypeAlias = Literal["true", "false", "unknown"]


def fits(text: str, schema: Mapping[str, object]) -> Verdict:
    """Say whether `text` is JSON that fits; unknown when that cannot be told."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "false"
    try:
        if schema_mistake(schema) is not None:
            return "unknown"
        if mistake(value, schema) is not None:
            return "false"
        return "true" if without_patterns(schema) == schema else "unknown"
    except (Untold, RecursionError):
        return "unknown"
