"""Figures over all that an owner used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from claude_gateway import SessionStats, Tally
from claude_gateway_sqlite import rows
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row

SESSIONS = """
SELECT coalesce(sum(status = 'active'), 0), coalesce(sum(message_count), 0)
FROM sessions WHERE owner = ?
"""
# A few rows for each day: sums are exact, because costs are whole numbers.
BOOKED = """
SELECT day, model, count(*), sum(
        input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens
    ), sum(cost), sum(cost IS NULL)
FROM ledger WHERE owner = ? GROUP BY day, model
"""


class Ledger:
    """The part of the store that adds up."""

    _readers: Readers

    async def session_stats(self, owner: str) -> SessionStats:
        counted = (await self._readers.rows(SESSIONS, (owner,)))[0]
        return summed(counted, await self._readers.rows(BOOKED, (owner,)))


def summed(counted: Row, booked: Sequence[Row]) -> SessionStats:
    """Rows of SESSIONS and of BOOKED."""
    return SessionStats(
        active_sessions=counted[0],
        total_messages=counted[1],
        total=_tally(booked),
        by_model=_tallies(booked, lambda row: row[1]),
        by_day=_tallies(booked, lambda row: row[0]),
    )


def _tallies(booked: Iterable[Row], by: Callable[[Row], str]) -> dict[str, Tally]:
    sorts: dict[str, list[Row]] = {}
    for row in booked:
        sorts.setdefault(by(row), []).append(row)
    return {sort: _tally(sorts[sort]) for sort in sorted(sorts)}


def _tally(booked: Iterable[Row]) -> Tally:
    runs = tokens = unpriced = 0
    cost: Decimal | None = None
    for _, _, count, used, units, unknown in booked:
        runs, tokens, unpriced = runs + count, tokens + used, unpriced + unknown
        if units is not None:
            cost = (cost or Decimal(0)) + (rows.dollars(units) or 0)
    return Tally(runs, tokens, cost, unpriced)
