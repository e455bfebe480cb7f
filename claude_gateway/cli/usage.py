"""`claude-gateway usage`: what was used, and what it cost, as a table with bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import click

from claude_gateway.access.owners import owner_named
from claude_gateway.cli.stored import everything, json_option, show_json, table, with_store
from claude_gateway.dialects.resources import usage as fields
from claude_gateway.errors import InvalidRequest
from claude_gateway.settings import Settings
from claude_gateway.spending_stores import as_usage_store
from claude_gateway.stores import Store
from claude_gateway.types.principals import OWNER_ID
from claude_gateway.types.resources import Listing, Page
from claude_gateway.types.spending import SORTS, Sort, Sum, UsageFilter, UsageRow

HEADS = ("runs", "input", "output", "cache written", "cache read", "cost", "unpriced")
WIDTH = 24  # of the longest bar


@click.command()
@click.option("--by", "group_by", default="day", show_default=True, help=f"Of {','.join(SORTS)}.")
@click.option("--from", "from", help="The first day: 2027-01-31. [30 days]")
@click.option("--to", "to", help="The last day. [today, in UTC]")
@click.option("--owner", default=OWNER_ID, show_default=True, help="Whose: a user, by id or name.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's.")
@json_option
def usage(*, owner: str, everybody: bool, as_json: bool, **options: str | None) -> None:
    """Tell what was used and what it cost. Works beside a running gateway."""
    asked = {name: value for name, value in options.items() if value}
    try:
        only = fields.read_filter(asked, None if everybody else owner)
        groups = fields.read_groups(asked)
    except InvalidRequest as exc:
        raise click.ClickException(exc.message) from exc
    rows, total = _read(only, groups)
    if as_json:
        _show_json(only, groups, rows, total)
        return
    click.echo(drawn(groups, rows, total))


def drawn(by: Sequence[Sort], rows: Sequence[UsageRow], total: Sum) -> str:
    """Return a table; the bars are of cost, or of tokens where no cost is known."""
    sizes = [row.sum.cost or Decimal(0) for row in rows]
    if not any(sizes):
        sizes = [Decimal(row.sum.usage.total_tokens) for row in rows]
    most = max(sizes, default=Decimal(0))
    lines = [
        [*(name or "-" for name in row.group), *_cells(row.sum), _bar(size, most)]
        for row, size in zip(rows, sizes, strict=True)
    ]
    last = ["total", *[""] * (len(by) - 1), *_cells(total), ""]
    return table((*by, *HEADS, ""), [*lines, last])


def _read(only: UsageFilter, by: Sequence[Sort]) -> tuple[list[UsageRow], Sum]:
    async def read(store: Store, _settings: Settings) -> tuple[list[UsageRow], Sum]:
        keeper = as_usage_store(store)
        if keeper is None:
            raise click.ClickException("the store of this gateway does not add up what was used")

        who = None if only.owner is None else await owner_named(store, only.owner)
        wanted = replace(only, owner=who)

        async def window(page: Page) -> Listing[UsageRow]:
            return await keeper.usage(wanted, by, page)

        return await everything(window), await keeper.usage_sum(wanted)

    return with_store(read)


def _show_json(only: UsageFilter, by: Sequence[Sort], rows: Sequence[UsageRow], total: Sum) -> None:
    told: Mapping[str, object] = {
        "from": only.since,
        "to": only.until,
        "group_by": by,
        "data": [fields.written(row, by) for row in rows],
        "sum": fields.written_sum(total),
    }
    show_json(told)


def _cells(used: Sum) -> list[object]:
    tokens = used.usage
    return [
        used.runs,
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.cache_creation_input_tokens,
        tokens.cache_read_input_tokens,
        "-" if used.cost is None else f"${used.cost:.4f}",
        used.unpriced or "",
    ]


def _bar(size: Decimal, most: Decimal) -> str:
    """Return a bar; whatever is not nothing can be seen."""
    if not size or not most:
        return ""
    return "█" * max(1, round(size / most * WIDTH))
