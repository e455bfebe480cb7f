"""What was used, by anything it can be told by."""

from __future__ import annotations

from collections.abc import Sequence

from claude_gateway import SORTS, Booked, Listing, Page, Sort, Sum, Usage, UsageFilter, UsageRow
from claude_gateway_sqlite import rows
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.writer import Writer

BOOK = """
INSERT INTO booked(
    day, owner, key_id, model, project_id, runs, input_tokens, output_tokens,
    cache_creation_input_tokens, cache_read_input_tokens, thinking_tokens,
    ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, cost, unpriced
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(owner, day, key_id, model, project_id) DO UPDATE SET runs = runs + excluded.runs,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cache_creation_input_tokens
        = cache_creation_input_tokens + excluded.cache_creation_input_tokens,
    cache_read_input_tokens = cache_read_input_tokens + excluded.cache_read_input_tokens,
    thinking_tokens = thinking_tokens + excluded.thinking_tokens,
    ephemeral_5m_input_tokens = ephemeral_5m_input_tokens + excluded.ephemeral_5m_input_tokens,
    ephemeral_1h_input_tokens = ephemeral_1h_input_tokens + excluded.ephemeral_1h_input_tokens,
    cost = CASE WHEN excluded.cost IS NULL THEN cost ELSE coalesce(cost, 0) + excluded.cost END,
    unpriced = unpriced + excluded.unpriced
"""
# What is not asked for is the same for all rows, so that they are told together.
OF_ALL = """
SELECT
    CASE WHEN ?3 THEN day ELSE '' END AS day_, CASE WHEN ?4 THEN owner ELSE '' END AS owner_,
    CASE WHEN ?5 THEN key ELSE '' END AS key_, CASE WHEN ?6 THEN model ELSE '' END AS model_,
    CASE WHEN ?7 THEN project ELSE '' END AS project_,
    CASE WHEN ?8 THEN session ELSE '' END AS session_,
    coalesce(sum(runs), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_creation_input_tokens), 0), coalesce(sum(cache_read_input_tokens), 0),
    coalesce(sum(thinking_tokens), 0), coalesce(sum(ephemeral_5m_input_tokens), 0),
    coalesce(sum(ephemeral_1h_input_tokens), 0), sum(cost), coalesce(sum(unpriced), 0)
FROM whole_usage WHERE day BETWEEN ?1 AND ?2
GROUP BY day_, owner_, key_, model_, project_, session_
ORDER BY day_, owner_, key_, model_, project_, session_ LIMIT ?9 OFFSET ?10
"""
OF_OWNER = """
SELECT
    CASE WHEN ?3 THEN day ELSE '' END AS day_, CASE WHEN ?4 THEN owner ELSE '' END AS owner_,
    CASE WHEN ?5 THEN key ELSE '' END AS key_, CASE WHEN ?6 THEN model ELSE '' END AS model_,
    CASE WHEN ?7 THEN project ELSE '' END AS project_,
    CASE WHEN ?8 THEN session ELSE '' END AS session_,
    coalesce(sum(runs), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_creation_input_tokens), 0), coalesce(sum(cache_read_input_tokens), 0),
    coalesce(sum(thinking_tokens), 0), coalesce(sum(ephemeral_5m_input_tokens), 0),
    coalesce(sum(ephemeral_1h_input_tokens), 0), sum(cost), coalesce(sum(unpriced), 0)
FROM whole_usage WHERE day BETWEEN ?1 AND ?2 AND owner = ?11 AND (
    ?12 IS NULL OR project IN (SELECT value FROM json_each(?12)) OR (project = '' AND key = ?13)
)
GROUP BY day_, owner_, key_, model_, project_, session_
ORDER BY day_, owner_, key_, model_, project_, session_ LIMIT ?9 OFFSET ?10
"""
COUNT_OF_ALL = """
SELECT count(*) FROM (
    SELECT
    CASE WHEN ?3 THEN day ELSE '' END AS day_, CASE WHEN ?4 THEN owner ELSE '' END AS owner_,
    CASE WHEN ?5 THEN key ELSE '' END AS key_, CASE WHEN ?6 THEN model ELSE '' END AS model_,
    CASE WHEN ?7 THEN project ELSE '' END AS project_,
    CASE WHEN ?8 THEN session ELSE '' END AS session_
    FROM whole_usage WHERE day BETWEEN ?1 AND ?2
    GROUP BY day_, owner_, key_, model_, project_, session_
)
"""
COUNT_OF_OWNER = """
SELECT count(*) FROM (
    SELECT
    CASE WHEN ?3 THEN day ELSE '' END AS day_, CASE WHEN ?4 THEN owner ELSE '' END AS owner_,
    CASE WHEN ?5 THEN key ELSE '' END AS key_, CASE WHEN ?6 THEN model ELSE '' END AS model_,
    CASE WHEN ?7 THEN project ELSE '' END AS project_,
    CASE WHEN ?8 THEN session ELSE '' END AS session_
    FROM whole_usage WHERE day BETWEEN ?1 AND ?2 AND owner = ?9 AND (
        ?10 IS NULL OR project IN (SELECT value FROM json_each(?10))
        OR (project = '' AND key = ?11)
    )
    GROUP BY day_, owner_, key_, model_, project_, session_
)
"""
SUM_OF_ALL = """
SELECT
    coalesce(sum(runs), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_creation_input_tokens), 0), coalesce(sum(cache_read_input_tokens), 0),
    coalesce(sum(thinking_tokens), 0), coalesce(sum(ephemeral_5m_input_tokens), 0),
    coalesce(sum(ephemeral_1h_input_tokens), 0), sum(cost), coalesce(sum(unpriced), 0)
FROM whole_usage WHERE day BETWEEN ?1 AND ?2
"""
SUM_OF_OWNER = """
SELECT
    coalesce(sum(runs), 0), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_creation_input_tokens), 0), coalesce(sum(cache_read_input_tokens), 0),
    coalesce(sum(thinking_tokens), 0), coalesce(sum(ephemeral_5m_input_tokens), 0),
    coalesce(sum(ephemeral_1h_input_tokens), 0), sum(cost), coalesce(sum(unpriced), 0)
FROM whole_usage WHERE day BETWEEN ?1 AND ?2 AND owner = ?3 AND (
    ?4 IS NULL OR project IN (SELECT value FROM json_each(?4)) OR (project = '' AND key = ?5)
)
"""


class UsageFigures:
    """The part of the store that adds up by what is asked for."""

    _writer: Writer
    _readers: Readers

    async def book_usage(self, booked: Sequence[Booked]) -> None:
        await self._writer.do(book, booked)

    async def usage(self, only: UsageFilter, by: Sequence[Sort], page: Page) -> Listing[UsageRow]:
        groups = (only.since, only.until, *(sort in by for sort in SORTS))
        whose = _whose(only)
        listing, counting = (OF_OWNER, COUNT_OF_OWNER) if whose else (OF_ALL, COUNT_OF_ALL)
        listed = await self._readers.rows(listing, (*groups, page.limit, page.offset, *whose))
        counted = await self._readers.rows(counting, (*groups, *whose))
        return Listing([_row(row, by) for row in listed], counted[0][0])

    async def usage_sum(self, only: UsageFilter) -> Sum:
        days = (only.since, only.until)
        if only.owner is None:
            return total((await self._readers.rows(SUM_OF_ALL, days))[0])
        return total((await self._readers.rows(SUM_OF_OWNER, (*days, *_whose(only))))[0])


def _whose(only: UsageFilter) -> tuple[str | None, ...]:
    """Of whom, and what of theirs; nothing where it is everybody's."""
    return () if only.owner is None else (only.owner, rows.names(only.projects), only.key)


def _row(row: Row, by: Sequence[Sort]) -> UsageRow:
    named = dict(zip(SORTS, row, strict=False))
    return UsageRow([named[sort] for sort in by], total(row[len(SORTS) :]))


def total(row: Row) -> Sum:
    """Row of figures, as in SUM_OF_ALL."""
    runs, *tokens, cost, unpriced = row
    return Sum(runs, Usage(*tokens), rows.dollars(cost), unpriced)


def book(desk: Desk, booked: Sequence[Booked]) -> None:
    desk.cur.executemany(BOOK, [_values(one) for one in booked])


def _values(one: Booked) -> tuple[object, ...]:
    used = one.sum.usage
    return (
        *(one.day, one.owner, one.key, one.model, one.project, one.sum.runs, used.input_tokens),
        *(used.output_tokens, used.cache_creation_input_tokens, used.cache_read_input_tokens),
        *(used.thinking_tokens, used.ephemeral_5m_input_tokens, used.ephemeral_1h_input_tokens),
        *(rows.money(one.sum.cost), one.sum.unpriced),
    )
