"""What was used and what it cost, as clients ask for it and read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast

from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.resources import writing
from claude_gateway.types.spending import SORTS, Sort, Sum, UsageFilter, UsageRow
from claude_gateway.types.usage import Usage

DAYS = 30  # that are told when nobody says from when


def read_filter(query: Mapping[str, str], owner: str | None) -> UsageFilter:
    """Read which days are wanted. Raises InvalidRequest naming what is wrong."""
    until = _day(query, "to") or datetime.now(UTC).date()
    since = _day(query, "from") or max(date.min, until - timedelta(days=DAYS - 1))
    if since > until:
        wrong("from", f"must not be later than to, which is {until}")
    return UsageFilter(since.isoformat(), until.isoformat(), owner)


def read_groups(query: Mapping[str, str]) -> tuple[Sort, ...]:
    """Read what usage is to be told by, `day` if nothing is said."""
    asked = [part.strip() for part in query.get("group_by", "").split(",") if part.strip()]
    for part in asked:
        if part not in SORTS:
            wrong("group_by", f"must be of {', '.join(SORTS)}, not {part[:50]!r}")
    return cast("tuple[Sort, ...]", tuple(dict.fromkeys(asked))) or ("day",)


def written(row: UsageRow, by: Sequence[Sort]) -> dict[str, object]:
    """One group; null where there is none, as for the session of what was not kept."""
    named: dict[str, object] = {
        sort: name or None for sort, name in zip(by, row.group, strict=True)
    }
    return {**named, **written_sum(row.sum)}


def written_sum(used: Sum) -> dict[str, object]:
    """Figures. `total_cost` is of the runs whose price is known."""
    return {
        "runs": used.runs,
        **_tokens(used.usage),
        "total_cost": writing.cost(used.cost, used.unpriced),
        "unpriced_runs": used.unpriced,
    }


def _tokens(used: Usage) -> dict[str, object]:
    return {
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "cache_creation_input_tokens": used.cache_creation_input_tokens,
        "cache_read_input_tokens": used.cache_read_input_tokens,
        "thinking_tokens": used.thinking_tokens,
        "total_tokens": used.total_tokens,
    }


def _day(query: Mapping[str, str], key: str) -> date | None:
    given = query.get(key)
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        wrong(key, f"must be a day such as 2027-01-31, not {given[:50]!r}")
