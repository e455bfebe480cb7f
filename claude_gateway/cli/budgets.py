"""`claude-gateway budgets`: limit what may be spent, and look at what was, without the server."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

import click

from claude_gateway.budget_stores import KeepsBudgets, as_budget_store
from claude_gateway.cli.stored import (
    everything,
    json_option,
    owner_option,
    show_json,
    shown,
    table,
    with_store,
)
from claude_gateway.dialects.resources import budgets as fields
from claude_gateway.errors import InvalidRequest
from claude_gateway.settings import Settings
from claude_gateway.spending.subjects import Subjects
from claude_gateway.stores import Store
from claude_gateway.types.budgets import BUDGET_KINDS, PERIODS, BudgetName, BudgetState
from claude_gateway.types.resources import Listing, Page

T = TypeVar("T")

FIGURES = ("limit", "soft", "spent", "reserved", "left", "used", "resets_at")
HEADS = ("kind", "id", "owner", "period", *FIGURES)
WIDTH = 10  # of a bar


class Keeper(NamedTuple):
    """What commands work with."""

    budgets: KeepsBudgets
    subjects: Subjects


def with_budgets(work: Callable[[Keeper], Awaitable[T]]) -> T:
    """Open the store and do the work. Refuses where the store keeps no budgets."""

    async def run(store: Store, _settings: Settings) -> T:
        keeper = as_budget_store(store)
        if keeper is None:
            raise click.ClickException("the store of this gateway keeps no budgets")
        return await work(Keeper(keeper, Subjects(store)))

    return with_store(run)


@click.group()
def budgets() -> None:
    """Limit what may be spent. Works before the first start, and beside a running gateway."""


kind_argument = click.argument("kind", type=click.Choice(BUDGET_KINDS))
subject_argument = click.argument("subject", metavar="ID")
period_option = click.option(
    "--period", type=click.Choice(PERIODS), default="total", show_default=True, help="For how long."
)


@budgets.command("set")
@kind_argument
@subject_argument
@click.option("--limit", required=True, help="US dollars.")
@click.option("--soft", type=float, help="The share from which on to warn, such as 0.8.")
@period_option
@owner_option
@json_option
def set_budget(*, limit: str, soft: float | None, as_json: bool, **named: str) -> None:
    """Set a budget, or change it: of a key or user by id or name, of a project or session by id."""

    async def change(keeper: Keeper) -> BudgetState:
        name = await keeper.subjects.found(_name(**named))
        asked = {"limit": float(fields.dollars(limit, "limit")), "soft": soft}
        return await keeper.budgets.set_budget(fields.read(asked, name, time.time()))

    _show(with_budgets(change), as_json=as_json)


@budgets.command("list")
@json_option
def list_budgets(*, as_json: bool) -> None:
    """List all budgets, with what is spent of them."""

    async def read_all(keeper: Keeper) -> Sequence[BudgetState]:
        async def window(page: Page) -> Listing[BudgetState]:
            return await keeper.budgets.list_budgets(page, time.time())

        return await everything(window)

    states = with_budgets(read_all)
    if as_json:
        show_json([fields.written(state) for state in states])
        return
    click.echo(table(HEADS, list(map(_cells, states))))


@budgets.command("show")
@kind_argument
@subject_argument
@period_option
@owner_option
@json_option
def show_budget(*, as_json: bool, **named: str) -> None:
    """Show one budget."""

    async def read(keeper: Keeper) -> BudgetState:
        name = await keeper.subjects.known(_name(**named))
        return await keeper.budgets.get_budget(name, time.time())

    _show(with_budgets(read), as_json=as_json)


@budgets.command("remove")
@kind_argument
@subject_argument
@period_option
@owner_option
@json_option
def remove_budget(*, as_json: bool, **named: str) -> None:
    """Limit somebody no longer in this way; a running gateway knows within a second."""

    async def remove(keeper: Keeper) -> BudgetState:
        name = await keeper.subjects.known(_name(**named))
        state = await keeper.budgets.get_budget(name, time.time())
        await keeper.budgets.remove_budget(name)
        return state

    state = with_budgets(remove)
    if as_json:
        show_json({**fields.written(state), "removed": True})
        return
    name = state.budget.name
    click.echo(f"Removed the budget of {name.kind} {shown(name.subject)} ({name.period}).")


def _name(kind: str, subject: str, period: str, owner: str) -> BudgetName:
    try:
        return fields.read_name(kind, subject, period, owner)
    except InvalidRequest as exc:
        raise click.ClickException(exc.message) from exc


def _show(state: BudgetState, *, as_json: bool) -> None:
    told = fields.written(state)
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        click.echo(f"{name:<12} {shown(value)}")


def _cells(state: BudgetState) -> list[object]:
    told = fields.written(state)
    money = {name: f"${told[name]:.4f}" for name in ("limit", "spent", "reserved", "left")}
    bar = "█" * min(WIDTH, round(state.share * WIDTH))
    used = f"{state.share:.0%} {bar}".rstrip()
    return [{**told, **money, "used": used}[head] for head in HEADS]
