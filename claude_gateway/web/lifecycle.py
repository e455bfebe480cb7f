"""Headers that tell an app in time that its model goes away."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from email.utils import format_datetime

from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.models import ModelInfo


def lifecycle(model: ModelInfo) -> dict[str, str]:
    """Deprecation (RFC 9745) and Sunset (RFC 8594), as far as days are known."""
    headers: dict[str, str] = {}
    if model.deprecated is not None:
        headers["Deprecation"] = f"@{int(_midnight(model.deprecated).timestamp())}"
    if model.retires is not None:
        headers["Sunset"] = format_datetime(_midnight(model.retires), usegmt=True)
    return headers


def notes(resolved: Resolved) -> dict[str, str]:
    """Say aloud what was not done as asked."""
    headers = lifecycle(resolved.model)
    if resolved.remapped_from is not None:
        headers["x-gateway-model-remapped"] = f"{resolved.remapped_from} -> {resolved.model.id}"
    return headers


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
