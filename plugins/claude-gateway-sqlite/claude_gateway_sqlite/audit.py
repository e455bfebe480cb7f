"""The audit log of calls of tools."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from claude_gateway import AuditEntry, AuditFilter, Listing, Page
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.pruning import FEW
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row, names
from claude_gateway_sqlite.writer import Writer

# More than any number of a row.
LAST = (1 << 63) - 1

ADD = """
INSERT INTO audit(
    owner, at, server, tool, outcome, duration_ms, digest, size, call_id, session_id, run_id,
    project_id, arguments
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
OF_OWNER = """
SELECT owner, at, server, tool, outcome, duration_ms, digest, size, call_id, session_id, run_id,
    project_id, arguments, number
FROM audit WHERE owner = ?11
    AND (?12 IS NULL OR project_id IN (SELECT value FROM json_each(?12))) AND at >= ?1 AND at < ?2 AND (?3 = '' OR session_id = ?3)
    AND (?4 = '' OR server = ?4) AND (?5 = '' OR tool = ?5) AND (?6 = '' OR outcome = ?6)
    AND (at, number) < (?7, ?8)
ORDER BY at DESC, number DESC LIMIT ?9 OFFSET ?10
"""
OF_ALL = """
SELECT owner, at, server, tool, outcome, duration_ms, digest, size, call_id, session_id, run_id,
    project_id, arguments, number
FROM audit WHERE at >= ?1 AND at < ?2 AND (?3 = '' OR session_id = ?3)
    AND (?4 = '' OR server = ?4) AND (?5 = '' OR tool = ?5) AND (?6 = '' OR outcome = ?6)
    AND (at, number) < (?7, ?8)
ORDER BY at DESC, number DESC LIMIT ?9 OFFSET ?10
"""
COUNT_OF_OWNER = """
SELECT count(*) FROM audit WHERE owner = ?7
    AND (?8 IS NULL OR project_id IN (SELECT value FROM json_each(?8))) AND at >= ?1 AND at < ?2
    AND (?3 = '' OR session_id = ?3) AND (?4 = '' OR server = ?4) AND (?5 = '' OR tool = ?5)
    AND (?6 = '' OR outcome = ?6)
"""
COUNT_OF_ALL = """
SELECT count(*) FROM audit WHERE at >= ?1 AND at < ?2
    AND (?3 = '' OR session_id = ?3) AND (?4 = '' OR server = ?4) AND (?5 = '' OR tool = ?5)
    AND (?6 = '' OR outcome = ?6)
"""
PRUNE = "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at < ? LIMIT ?)"


class Audit:
    """The part of the store that has the audit log."""

    _writer: Writer
    _readers: Readers

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._writer.do(add, entries)

    async def list_audit(
        self, owner: str | None, page: Page, only: AuditFilter
    ) -> Listing[AuditEntry]:
        rows = await self._window(owner, only, (inf, LAST, page.limit, page.offset))
        counting = COUNT_OF_ALL if owner is None else COUNT_OF_OWNER
        counted = await self._readers.rows(counting, (*bounds(only), *of(owner, only)))
        return Listing([entry(row) for row in rows], counted[0][0])

    async def read_audit(
        self, owner: str | None, only: AuditFilter, limit: int, last: AuditEntry | None = None
    ) -> Sequence[AuditEntry]:
        behind = (inf, LAST) if last is None else (last.at, last.number)
        return [entry(row) for row in await self._window(owner, only, (*behind, limit, 0))]

    async def prune_audit(self, before: float, limit: int) -> int:
        went = 0
        while (asked := min(FEW, limit - went)) > 0:
            gone = await self._writer.do(prune, (before, asked))
            went += gone
            if gone < asked:
                break
        return went

    async def _window(
        self, owner: str | None, only: AuditFilter, window: tuple[float, int, int, int]
    ) -> list[Row]:
        listing = OF_ALL if owner is None else OF_OWNER
        return await self._readers.rows(listing, (*bounds(only), *window, *of(owner, only)))


def bounds(only: AuditFilter) -> tuple[float, float, str, str, str, str]:
    return only.since, only.until, only.session_id, only.server, only.tool, only.outcome


def of(owner: str | None, only: AuditFilter) -> tuple[str | None, ...]:
    return () if owner is None else (owner, names(only.projects))


def add(desk: Desk, entries: Sequence[AuditEntry]) -> None:
    desk.cur.executemany(ADD, map(values, entries))


def prune(desk: Desk, old: tuple[float, int]) -> int:
    return desk.cur.execute(PRUNE, old).rowcount


def values(one: AuditEntry) -> Row:
    return (
        *(one.owner, one.at, one.server, one.tool, one.outcome, one.duration_ms, one.digest),
        *(one.size, one.call_id, one.session_id, one.run_id, one.project_id, one.arguments),
    )


def entry(row: Row) -> AuditEntry:
    """Row with the columns in the order of the fields."""
    return AuditEntry(*row)
