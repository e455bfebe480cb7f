"""Limits of money: what is spent of them, and what is reserved for calls that are being made.

All that decides is done by the writer, and so in a transaction that has the database for itself: nobody,
in whichever process, can reserve between a look at what is left and the reservation.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection
from dataclasses import replace
from decimal import Decimal

from claude_gateway import (
    Budget,
    BudgetName,
    BudgetState,
    Key,
    Listing,
    NotFound,
    Page,
    Reservation,
    Reserved,
    window_of,
)
from claude_gateway_sqlite import rows
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.instances import Instances
from claude_gateway_sqlite.limits import limited, limits
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.writer import Writer

REVISION = "SELECT number FROM budget_changes WHERE one = 1"
COUNT_UP = "UPDATE budget_changes SET number = number + 1 WHERE one = 1"
SUBJECTS = "SELECT kind, owner, subject FROM budgets GROUP BY kind, owner, subject"

NAMED = """
SELECT ref, kind, subject, period, owner, dollars, soft, changed_at, window, spent, reserved
FROM standing_budgets WHERE kind = ? AND subject = ? AND period = ? AND owner = ?
"""
LIST = """
SELECT ref, kind, subject, period, owner, dollars, soft, changed_at, window, spent, reserved
FROM standing_budgets ORDER BY kind, owner, subject, period LIMIT ? OFFSET ?
"""
COUNT = "SELECT count(*) FROM budgets"
LIST_OF = """
SELECT ref, kind, subject, period, owner, dollars, soft, changed_at, window, spent, reserved
FROM standing_budgets WHERE (kind = 'key' AND owner = '' AND subject = ?4)
    OR (kind = 'user' AND owner = '' AND subject = ?3) OR (kind = 'project' AND owner = ?3)
    OR (kind = 'session' AND owner = ?3)
ORDER BY kind, owner, subject, period LIMIT ?1 OFFSET ?2
"""
COUNT_OF = """
SELECT count(*) FROM budgets WHERE (kind = 'key' AND owner = '' AND subject = ?2)
    OR (kind = 'user' AND owner = '' AND subject = ?1) OR (kind = 'project' AND owner = ?1)
    OR (kind = 'session' AND owner = ?1)
"""
APPLYING = """
SELECT ref, kind, subject, period, owner, dollars, soft, changed_at, window, spent, reserved
FROM standing_budgets WHERE (kind = 'key' AND owner = '' AND subject = ?1)
    OR (kind = 'user' AND owner = '' AND subject = ?2)
    OR (kind = 'project' AND owner = ?5 AND subject = ?3)
    OR (kind = 'session' AND owner = ?5 AND subject = ?4)
"""
SET = """
INSERT INTO budgets(kind, subject, period, owner, dollars, soft, changed_at, window, spent)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(kind, owner, subject, period)
DO UPDATE SET dollars = excluded.dollars, soft = excluded.soft, changed_at = excluded.changed_at
"""
REMOVE_RESERVED = "DELETE FROM reservations WHERE budget = ?"
REMOVE = "DELETE FROM budgets WHERE ref = ?"
BEGINS_ANEW = "UPDATE budgets SET window = ?, spent = 0 WHERE ref = ?"
RESERVE = """
INSERT INTO reservations(id, budget, run, owner, instance, window, dollars, before)
VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
SPEND = """
UPDATE budgets SET spent = spent + coalesce(?1, r.dollars)
FROM reservations r WHERE r.id = ?2 AND budgets.ref = r.budget AND budgets.window = r.window
"""
LET_GO = "DELETE FROM reservations WHERE id = ?"
# Without a price nobody knows what a run has cost: then it may have been all.
ABANDONED = """
SELECT r.id, CASE WHEN l.run IS NULL THEN 0
    WHEN l.cost IS NULL THEN max(r.dollars) ELSE max(l.cost - r.before, 0) END
FROM reservations r LEFT JOIN runs w ON w.id = r.run AND (w.owner = r.owner OR w.caller = r.owner)
LEFT JOIN ledger l ON l.run = w.ref
WHERE r.instance = ? GROUP BY r.id
"""
WHO_RESERVES = "SELECT DISTINCT instance FROM reservations"

OWNER_OF_KEY = "SELECT coalesce(user, id) FROM keys WHERE id = ?"
LIMITS_OF_KEY = "SELECT limits FROM keys WHERE id = ?"
CHANGE_KEY = "UPDATE keys SET limits = ? WHERE id = ?"
KEYS_CHANGED = "UPDATE key_changes SET number = number + 1 WHERE one = 1"
USED = """
SELECT coalesce(sum(cost), 0) FROM whole_usage
WHERE owner = ?1 AND day BETWEEN ?2 AND ?3 AND (?4 IS NULL OR key = ?4)
    AND (?5 IS NULL OR project = ?5) AND (?6 IS NULL OR session = ?6)
"""
FIRST_DAY, LAST_DAY = "", "9999-12-31"

NONE = "There is no such budget."


class Budgets:
    """The part of the store that keeps budgets."""

    _writer: Writer
    _readers: Readers
    _instances: Instances

    async def budgets_revision(self) -> int:
        return int((await self._readers.rows(REVISION))[0][0])

    async def budget_subjects(self) -> Collection[tuple[str, str, str]]:
        return {
            (kind, owner, subject) for kind, owner, subject in await self._readers.rows(SUBJECTS)
        }

    async def set_budget(self, budget: Budget) -> BudgetState:
        return await self._writer.do(change, budget)

    async def get_budget(self, name: BudgetName, at: float) -> BudgetState:
        row = await self._readers.row(NAMED, name)
        if row is None:
            raise NotFound(NONE)
        return state(row, at)

    async def list_budgets(
        self, page: Page, at: float, of: str | None = None, key_id: str = ""
    ) -> Listing[BudgetState]:
        whose = () if of is None else (of, key_id)
        listing, counting = (LIST, COUNT) if of is None else (LIST_OF, COUNT_OF)
        listed = await self._readers.rows(listing, (page.limit, page.offset, *whose))
        counted = await self._readers.rows(counting, whose)
        return Listing([state(row, at) for row in listed], counted[0][0])

    async def remove_budget(self, name: BudgetName) -> None:
        await self._writer.do(remove, name)

    async def reserve(self, wanted: Reservation) -> Reserved:
        return await self._writer.do(reserve, (wanted, self._instances.own))

    def settle(self, reservation: str, dollars: Decimal | None) -> Awaitable[None]:
        return self._writer.do(settle, (reservation, dollars))

    async def release_abandoned(self) -> int:
        reserving = {row[0] for row in await self._readers.rows(WHO_RESERVES)}
        gone = self._instances.gone(reserving)
        return await self._writer.do(release, gone) if gone else 0


def reserve(desk: Desk, asked: tuple[Reservation, str]) -> Reserved:
    wanted, instance = asked
    who = wanted.spender
    whose = (who.key_id, who.owner, who.project, who.session, who.place)
    found = desk.cur.execute(APPLYING, whose).fetchall()
    standing = [(row, state(row, wanted.at)) for row in found]
    states = tuple(now for _, now in standing)
    if not states:
        return Reserved()
    tightest = min(states, key=lambda now: now.left)
    dollars = wanted.granted(tightest.left)
    if dollars is None:
        return Reserved(states, tightest)
    dollars = rows.dollars(rows.money(dollars)) or Decimal(0)
    amounts = (rows.money(dollars), rows.money(wanted.before))
    for row, now in standing:
        if row[8] != now.window:
            desk.cur.execute(BEGINS_ANEW, (now.window, row[0]))
        values = (wanted.id, row[0], wanted.run, who.owner, instance, now.window, *amounts)
        desk.cur.execute(RESERVE, values)
    return Reserved(states, dollars=dollars)


def settle(desk: Desk, wanted: tuple[str, Decimal | None]) -> None:
    reservation, dollars = wanted
    _spend(desk, reservation, rows.money(dollars))


def _spend(desk: Desk, reservation: str, units: int | None) -> None:
    desk.cur.execute(SPEND, (units, reservation))
    desk.cur.execute(LET_GO, (reservation,))


def release(desk: Desk, instances: set[str]) -> int:
    count = 0
    for instance in instances:
        for reservation, units in desk.cur.execute(ABANDONED, (instance,)).fetchall():
            _spend(desk, reservation, units)
            count += 1
    return count


def change(desk: Desk, budget: Budget) -> BudgetState:
    """Set a budget, also of a key that has it of its own."""
    _of_key(desk, budget.name, budget.dollars)
    return keep(desk, budget)


def keep(desk: Desk, budget: Budget) -> BudgetState:
    """Set a budget; a new one begins with what was used already."""
    name, at = budget.name, budget.changed_at
    known = desk.cur.execute(NAMED, name).fetchone()
    window = window_of(name.period, at)
    spent = 0 if known is not None else _used(desk, name, window)
    soft = None if budget.soft is None else str(budget.soft)
    values = (*name, rows.money(budget.dollars), soft, at, window, spent)
    desk.cur.execute(SET, values)
    desk.cur.execute(COUNT_UP)
    return state(desk.cur.execute(NAMED, name).fetchone(), at)


def _used(desk: Desk, name: BudgetName, window: str) -> int:
    """Return what was booked since the day or month began, or ever."""
    owner = name.owner
    if name.kind == "key":
        row = desk.cur.execute(OWNER_OF_KEY, (name.subject,)).fetchone()
        owner = name.subject if row is None else row[0]
    elif name.kind == "user":
        owner = name.subject
    first, last = (f"{window}-01", f"{window}-31") if name.period == "month" else (window, window)
    days = (first, last) if window else (FIRST_DAY, LAST_DAY)
    only = (name.subject if name.kind == kind else None for kind in ("key", "project", "session"))
    return int(desk.cur.execute(USED, (owner, *days, *only)).fetchone()[0])


def remove(desk: Desk, name: BudgetName) -> None:
    """Remove a budget, also from a key that has it of its own."""
    forget(desk, name)
    _of_key(desk, name, None)


def forget(desk: Desk, name: BudgetName) -> None:
    row = desk.cur.execute(NAMED, name).fetchone()
    if row is None:
        raise NotFound(NONE)
    desk.cur.execute(REMOVE_RESERVED, (row[0],))
    desk.cur.execute(REMOVE, (row[0],))
    desk.cur.execute(COUNT_UP)


def _of_key(desk: Desk, name: BudgetName, dollars: Decimal | None) -> None:
    """Let a key say the same of the budget that it has of its own."""
    if name.kind != "key":
        return
    row = desk.cur.execute(LIMITS_OF_KEY, (name.subject,)).fetchone()
    known = limited(row[0] if row else None)
    if known.budget is None or (known.budget_period or "total") != name.period:
        return
    period = known.budget_period if dollars is not None else None
    changed = replace(known, budget=dollars, budget_period=period)
    desk.cur.execute(CHANGE_KEY, (limits(changed), name.subject))
    desk.cur.execute(KEYS_CHANGED)


def follow(desk: Desk, key: Key, before: Key | None = None) -> None:
    """Keep to what a key says of its own budget, and no longer to what it said before."""
    now, then = _own(key), None if before is None else _own(before)
    if now == then:
        return
    if then is not None and (now is None or now[0] != then[0]):
        forget(desk, then[0])
    if now is not None:
        name, dollars = now
        row = desk.cur.execute(NAMED, name).fetchone()
        soft = None if row is None else _soft(row[6])
        keep(desk, Budget(name, dollars, soft, time.time()))


def _own(key: Key) -> tuple[BudgetName, Decimal] | None:
    budget = key.limits.budget
    if budget is None:
        return None
    return BudgetName("key", key.id, key.limits.budget_period or "total"), budget


def state(row: Row, at: float) -> BudgetState:
    """Row of NAMED, as it stands at that time: a day or month that is over counts no more."""
    _, kind, subject, period, owner, dollars, soft, changed_at, window, spent, reserved = row
    name = BudgetName(kind, subject, period, owner)
    budget = Budget(name, rows.dollars(dollars) or Decimal(0), _soft(soft), changed_at)
    now = max(window, window_of(period, at))  # a clock that is put back opens no window twice
    if now != window:
        return BudgetState(budget, now)
    return BudgetState(
        budget, now, rows.dollars(spent) or Decimal(0), rows.dollars(reserved) or Decimal(0)
    )


def _soft(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
