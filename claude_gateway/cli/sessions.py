"""`claude-gateway sessions`: look at them, export and prune them, without the server."""

from __future__ import annotations

import time
from pathlib import Path

import click

from claude_gateway.cli.stored import (
    everything,
    json_option,
    owner_option,
    show_json,
    shown,
    table,
    with_owned,
    with_store,
)
from claude_gateway.dialects.resources import exports, spans
from claude_gateway.dialects.resources.sessions import written
from claude_gateway.errors import NotFound
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.resources import Session, SessionFilter

EVERY = SessionFilter()


def _seconds(_context: click.Context, _param: click.Parameter, given: str) -> int:
    """Read a span of time such as 30d."""
    found = spans.seconds(given)
    if found is None:
        raise click.BadParameter(f"write an age as 12h, 30d or 8w, not {given!r}")
    return found


@click.group()
def sessions() -> None:
    """Look at sessions, export them, delete old ones. Works beside a running gateway."""


@sessions.command("list")
@click.option("--project", help="Only those of one project, by its id.")
@click.option("--query", default="", help="Only those with these words in them.")
@owner_option
@json_option
def list_sessions(*, project: str | None, query: str, owner: str, as_json: bool) -> None:
    """List sessions, the newest change first."""
    only = SessionFilter(project_id=project, query=query)

    async def read_all(store: Store, who: str) -> list[Session]:
        return await everything(lambda page: store.list_sessions(who, page, only))

    rows = [written(session) for session in with_owned(owner, read_all)]
    if as_json:
        show_json(rows)
        return
    heads = ("id", "title", "model", "status", "message_count", "total_tokens", "updated_at")
    click.echo(table(heads, [[row[head] for head in heads] for row in rows]))


@sessions.command("show")
@click.argument("session_id")
@owner_option
@json_option
def show_session(*, session_id: str, owner: str, as_json: bool) -> None:
    """Show one session."""
    fields = written(with_owned(owner, lambda store, who: store.get_session(who, session_id)))
    if as_json:
        show_json(fields)
        return
    for name, value in fields.items():
        click.echo(f"{name:<14} {shown(value)}")


@sessions.command("export")
@click.argument("session_id")
@click.option("--format", "form", type=click.Choice([*exports.FORMATS]), default="json")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write.")
@owner_option
def export_session(*, session_id: str, form: str, output: Path | None, owner: str) -> None:
    """Write a whole session to a file, or to standard output."""
    record = with_owned(owner, lambda store, who: exports.record(store, who, session_id))
    body = exports.export(record, form)
    if output is None:
        click.echo(body, nl=not body.endswith(b"\n"))
        return
    try:
        output.write_bytes(body)
    except OSError as exc:
        raise click.ClickException(f"{output} cannot be written: {exc.strerror}") from exc


@sessions.command("prune")
@click.option(
    "--older-than", callback=_seconds, required=True, help="How long unchanged: 12h, 30d, 8w."
)
@click.option("--dry-run", is_flag=True, help="Only say which.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@owner_option
def prune_sessions(*, older_than: int, dry_run: bool, yes: bool, owner: str) -> None:
    """Delete sessions that nothing has changed for a while. Figures of use stay."""
    before = time.time() - older_than

    async def find(store: Store, who: str) -> list[Session]:
        all_ = await everything(lambda page: store.list_sessions(who, page, EVERY))
        return [session for session in all_ if session.updated_at < before]

    async def delete(store: Store, _settings: Settings) -> int:
        return sum([await pruned(store, session, before) for session in old])

    old = with_owned(owner, find)
    for session in old:
        click.echo(f"{shown(session.id)}  {shown(session.title)}")
    if dry_run or not old:
        click.echo(f"{len(old)} sessions are older than that.")
        return
    if not yes:
        click.confirm(f"Delete {len(old)} sessions with all their messages?", abort=True)
    click.echo(f"Deleted {with_store(delete)} sessions.")


async def pruned(store: Store, session: Session, before: float) -> bool:
    """Delete a session, unless somebody has gone on with it meanwhile."""
    try:
        if (await store.get_session(session.owner, session.id)).updated_at >= before:
            return False
        await store.delete_session(session.owner, session.id)
    except NotFound:
        return False
    return True
