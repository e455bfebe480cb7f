"""How times, costs and lists are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from claude_gateway.types.resources import Listing, Page

T = TypeVar("T")


def moment(seconds: float) -> str:
    """RFC 3339 in UTC, whole seconds: readers are known that refuse fractions."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cost(known: Decimal | None, unpriced: int) -> float | None:
    """US dollars; null when nothing is known, and 0 when nothing was used."""
    if known is None:
        return None if unpriced else 0.0
    return float(known)


def listed(
    name: str, listing: Listing[T], page: Page, written: Callable[[T], dict[str, object]]
) -> dict[str, object]:
    """A window of a list, and how much there is in all."""
    return {
        name: [written(item) for item in listing.items],
        "total": listing.total,
        "limit": page.limit,
        "offset": page.offset,
    }
