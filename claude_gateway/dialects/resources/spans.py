"""When something ends: after a span of time such as 90d, or on a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from claude_gateway.dialects.fields import wrong

SPAN = re.compile(r"(\d{1,6})([smhdw])")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
NEVER = "never"
LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


def seconds(given: str) -> int | None:
    """Return a span such as 12h, 30d or 8w; None when it is none."""
    found = SPAN.fullmatch(given)
    return None if found is None else int(found[1]) * UNITS[found[2]]


def end(given: str, now: float, key: str) -> float | None:
    """Return when something ends, in seconds since 1970; None is never.

    Raises InvalidRequest for what is no time, or is over.
    """
    if given == NEVER:
        return None
    span = seconds(given)
    at = _moment(given, key) if span is None else now + span
    if not now < at < LATEST:
        wrong(key, f"must lie in the future, not at {given[:50]!r}")
    return at


def _moment(given: str, key: str) -> float:
    try:
        told = datetime.fromisoformat(given)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        wrong(
            key,
            "must be a span such as 12h, 90d or 8w, a time such as 2027-01-31T12:00:00Z, or never, "
            f"not {given[:50]!r}",
        )
