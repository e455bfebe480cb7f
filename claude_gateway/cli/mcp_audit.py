"""`claude-gateway mcp audit`: who called which tool, and how that ended."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from claude_gateway.access.owners import owner_named
from claude_gateway.cli.stored import table, with_store
from claude_gateway.dialects.resources import audit
from claude_gateway.errors import InvalidRequest
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.resources import Page
from claude_gateway.types.trust import AuditEntry, AuditFilter

HEADS = ("at", "principal", "server", "tool", "outcome", "duration_ms", "session_id")


@click.command("audit")
@click.option("--owner", help="Only calls of one caller: a user, by id or name.")
@click.option("--session", "session_id", default="", help="Only calls in one session.")
@click.option("--server", default="", help="Only calls of one server's tools.")
@click.option("--tool", default="", help="Only calls of one tool.")
@click.option("--outcome", default="", type=click.Choice(["", *audit.OUTCOMES]), show_choices=True)
@click.option("--since", default="", help="From then on: 2027-01-31, or 2027-01-31T12:00:00Z.")
@click.option("--until", default="", help="Before then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="Lines of the table. [50]")
@click.option("--export", "form", type=click.Choice([*audit.FORMATS]), help="All, as a file.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
def show_audit(
    *, owner: str | None, limit: int, form: str | None, output: Path | None, **only: str
) -> None:
    """Show the newest calls of tools, or export all of them. Works beside a running gateway."""
    try:
        wanted = audit.read_filter(only)
    except InvalidRequest as exc:
        raise click.ClickException(exc.message) from exc
    if form is not None:
        _export(owner, wanted, form, output)
        return

    async def newest(store: Store, _settings: Settings) -> list[AuditEntry]:
        who = await _caller(store, owner)
        return list((await store.list_audit(who, Page(limit), wanted)).items)

    rows = [audit.written(entry) for entry in with_store(newest)]
    click.echo(table(HEADS, [[row[head] for head in HEADS] for row in rows]))


def _export(owner: str | None, only: AuditFilter, form: str, output: Path | None) -> None:
    async def write(store: Store, _settings: Settings) -> None:
        who = await _caller(store, owner)
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
            async for piece in audit.exported(store, who, only, form):
                file.write(piece)

    try:
        with_store(write)
    except OSError as exc:
        raise click.ClickException(f"{output} cannot be written: {exc.strerror}") from exc


async def _caller(store: Store, owner: str | None) -> str | None:
    return None if owner is None else await owner_named(store, owner)
