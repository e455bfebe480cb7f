"""`claude-gateway mcp approve`: agree to what a tool says now."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from claude_gateway.cli.stored import shown, with_store
from claude_gateway.cli.tools import Tools, wait_option, with_tools
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.errors import NotFound
from claude_gateway.settings import Settings
from claude_gateway.stores import Store

if TYPE_CHECKING:
    from claude_gateway.toolbox import Change


@click.command("approve")
@click.argument("server")
@click.argument("tool", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
def approve(*, server: str, tool: str | None, yes: bool, wait: float) -> None:
    """Agree to what changed tools of SERVER say now; the difference is shown first.

    A running gateway offers them again a second later.
    """

    async def waiting(tools: Tools) -> list[Change]:
        if tools.store is None:
            raise NotFound("There is no store; a gateway takes tools as they are when it starts.")
        if tool is not None:
            await tools.toolbox.approvals.known(server, tool)
        changes = await tools.toolbox.approvals.changes(server)
        return [one for one in changes if tool in (None, one.entry.tool.name)]

    changes = with_tools(waiting, wait)
    agreed = [change for change in changes if _agreed(change, yes=yes)]

    from claude_gateway.toolbox.pins import pin_of  # noqa: PLC0415  # as in cli.tools

    async def keep(store: Store, _settings: Settings) -> None:
        for change in agreed:
            await store.replace_pin(pin_of(change.entry))

    if agreed:
        with_store(keep)
    click.echo(f"Approved {len(agreed)} of {len(changes)} tools that wait for it.")


def _agreed(change: Change, *, yes: bool) -> bool:
    click.echo("\n".join(map(shown, difference(change))))
    name = shown(change.entry.tool.name)
    return yes or click.confirm(f"Approve {name} as it is now?")


def difference(change: Change) -> Iterator[str]:
    """Tell, line by line, what a tool said when that was agreed to, and what it says now."""
    before = change.before
    old, since = ([], "nothing") if before is None else (_lines(before.said), before.pinned_at)
    when = since if isinstance(since, str) else moment(since)
    name = f"{change.entry.server} {change.entry.tool.name}"
    yield from difflib.unified_diff(
        old,
        _lines(change.entry.said()),
        f"{name} ({when})",
        f"{name} (now)",
        n=2,
        lineterm="",
    )


def _lines(said: bytes) -> list[str]:
    """Write a description as text and everything else as JSON, so that a person can compare."""
    fields = json.loads(said)
    description = str(fields.pop("description", "")).split("\n")
    return [*description, "", *json.dumps(fields, indent=2, ensure_ascii=False).split("\n")]
