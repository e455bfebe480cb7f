"""The tables, as numbered steps from an empty file to today's.

A row of `sessions` whose `owner` is NULL was deleted: nobody finds it any more, and what hangs on it
goes bit by bit. Rows that change in every turn are kept short; what is long and seldom changes is in
a table beside them. Numbers of rows are never given twice where something outlives its row.

`events.key` is the run's `ref` and the number of the last event, `(ref << 30) | last`, and a row of
`search` is called after its message, or after minus its session for a title: both are then found by
their key alone, with no second index to keep. Times are seconds since 1970, costs are whole numbers
of 1e-12 dollars, NULL where nobody knows.
"""

from __future__ import annotations

from claude_gateway_sqlite.schema.budgets import V7
from claude_gateway_sqlite.schema.first import V1
from claude_gateway_sqlite.schema.keys import V5
from claude_gateway_sqlite.schema.sharing import V8
from claude_gateway_sqlite.schema.tools import V2, V3, V4
from claude_gateway_sqlite.schema.usage import V6

# Written into the file by its first step, so that it is not mistaken for another program's.
APPLICATION = 1_128_757_041

EVENT_BITS = 30
LAST_EVENT = (1 << EVENT_BITS) - 1

MIGRATIONS: tuple[str, ...] = (V1, V2, V3, V4, V5, V6, V7, V8)


def statements(script: str) -> list[str]:
    """Split a script into its statements; none of them has a semicolon of its own."""
    return [statement for part in script.split(";\n") if (statement := part.strip())]
