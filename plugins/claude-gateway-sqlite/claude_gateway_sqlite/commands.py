"""`claude-gateway backup` and `claude-gateway restore`."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from claude_gateway import GATEWAY_DATA_DIR, GATEWAY_ENCRYPTION_KEY, PluginError, Settings

DATABASE = "gateway.db"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--verify", "only_verify", is_flag=True, help="Only check a copy made before.")
@click.pass_obj
def backup(settings: Callable[[], Settings], file: Path, *, force: bool, only_verify: bool) -> None:
    """Copy the database into FILE and check the copy. The gateway may be running."""
    from claude_gateway_sqlite.copies import back_up, verify

    if only_verify:
        counts = verify(file)
    else:
        database = settings()[GATEWAY_DATA_DIR] / DATABASE
        counts = back_up(database, file, replace=force)
    click.echo(f"{file}: {_told(counts)}; all checked.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def restore(settings: Callable[[], Settings], file: Path) -> None:
    """Bring back a copy that `backup` made. The gateway must be stopped.

    The database that is there is kept beside, with the time in its name.
    """
    from claude_gateway_sqlite.copies import bring_back, verify
    from claude_gateway_sqlite.instances import alone

    folder = settings()[GATEWAY_DATA_DIR]
    try:
        with alone(folder) as nobody:
            if not nobody:
                raise PluginError(f"the database in {folder} is in use; stop the gateway first")
            counts = verify(file)
            kept = bring_back(file, folder / DATABASE)
    except (OSError, sqlite3.Error) as exc:
        raise PluginError(f"{file} cannot be brought back: {exc}. Nothing was replaced") from exc
    click.echo(f"{file} was brought back: {_told(counts)}.")
    if kept is not None:
        click.echo(f"What was there before is in {kept}.")


@click.command("encrypt-content")
@click.pass_obj
def encrypt_content(settings: Callable[[], Settings]) -> None:
    """Encrypt what was written before GATEWAY_ENCRYPT_CONTENT, or with an older key.

    The gateway must be stopped. It can be ended and begun again.
    """
    from claude_gateway_sqlite.instances import alone
    from claude_gateway_sqlite.keyring import prepare, sealer_of
    from claude_gateway_sqlite.opening import migrate
    from claude_gateway_sqlite.resealing import reseal

    folder = settings()[GATEWAY_DATA_DIR]
    database = folder / DATABASE
    if not database.exists():
        raise PluginError(f"there is no database {database} yet")
    with alone(folder) as nobody:
        if not nobody:
            raise PluginError(f"the database in {folder} is in use; stop the gateway first")
        sealer = sealer_of(folder, database, settings()[GATEWAY_ENCRYPTION_KEY])
        asyncio.run(migrate(database))
        prepare(database, sealer)
        changed = reseal(database, sealer)
    click.echo(
        f"{database}: {changed} rows were encrypted; GATEWAY_ENCRYPT_CONTENT=true is needed now."
    )


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in ("projects", "sessions", "messages"))
