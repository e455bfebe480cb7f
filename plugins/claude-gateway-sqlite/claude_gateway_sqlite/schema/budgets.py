"""Limits of money: the seventh step of the schema.

A row of `budgets` counts what is spent in its `window`, which begins anew by itself; what calls that are
being made can cost is in `reservations`. What was used before is in both ledgers. Keys have had a budget
of their own before, which nobody kept to.
"""

from __future__ import annotations

V7 = """
CREATE TABLE budgets(
    ref INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    dollars INTEGER NOT NULL,
    soft TEXT,
    changed_at REAL NOT NULL,
    window TEXT NOT NULL,
    spent INTEGER NOT NULL,
    UNIQUE(kind, owner, subject, period)
) STRICT;
CREATE TABLE reservations(
    id TEXT NOT NULL,
    budget INTEGER NOT NULL REFERENCES budgets,
    run TEXT NOT NULL,
    owner TEXT NOT NULL,
    instance TEXT NOT NULL,
    window TEXT NOT NULL,
    dollars INTEGER NOT NULL,
    before INTEGER NOT NULL,
    PRIMARY KEY(id, budget)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_budget ON reservations(budget, window, dollars);
CREATE INDEX reservations_by_instance ON reservations(instance);
CREATE TABLE budget_changes(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO budget_changes(one, number) VALUES(1, 0);
CREATE VIEW standing_budgets AS
SELECT b.ref, b.kind, b.subject, b.period, b.owner, b.dollars, b.soft, b.changed_at, b.window,
    b.spent, (
        SELECT coalesce(sum(r.dollars), 0) FROM reservations r
        WHERE r.budget = b.ref AND r.window = b.window
    ) AS reserved
FROM budgets b;
INSERT INTO budgets(kind, owner, subject, period, dollars, soft, changed_at, window, spent)
SELECT 'key', '', k.id, 'total',
    CAST(
        min(round(CAST(json_extract(k.limits, '$.budget') AS REAL) * 1000000), 1000000000000)
        AS INTEGER
    ) * 1000000,
    NULL, k.created_at, '', (
        SELECT coalesce(sum(u.cost), 0) FROM whole_usage u
        WHERE u.owner = coalesce(k.user, k.id) AND u.key = k.id
    )
FROM keys k WHERE json_extract(k.limits, '$.budget') IS NOT NULL;
PRAGMA user_version = 7;
"""
