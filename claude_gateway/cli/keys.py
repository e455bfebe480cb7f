"""`claude-gateway keys`: issue keys, look at them, rotate and revoke them, without the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import click

from claude_gateway.access.keyring import Keyring, everything
from claude_gateway.cli.stored import json_option, show_json, shown, table, with_store
from claude_gateway.dialects.resources import keys as fields
from claude_gateway.key_stores import as_key_store
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.keys import Key
from claude_gateway.types.principals import SCOPES
from claude_gateway.types.resources import Listing, Page
from claude_gateway.types.secrets import Secret

T = TypeVar("T")

HEADS = ("id", "name", "hint", "user", "status", "scopes", "expires_at", "last_used_at")
LISTS = ("scopes", "models", "tools", "servers", "projects")


def with_keyring(work: Callable[[Keyring], Awaitable[T]]) -> T:
    """Open the store and do the work. Refuses where the store keeps no keys."""

    async def run(store: Store, _settings: Settings) -> T:
        keeper = as_key_store(store)
        if keeper is None:
            raise click.ClickException("the store of this gateway keeps no keys")
        return await work(Keyring(keeper))

    return with_store(run)


@click.group()
def keys() -> None:
    """Issue keys, rotate and revoke them. Works before the first start, and beside a running gateway."""


@keys.command("create")
@click.option("--name", required=True, help="What it is for: a device, an app.")
@click.option("--user", help="Whose it is, by id or name. Without, it is an owner of its own.")
@click.option("--scopes", help=f"Of {','.join(SCOPES)}. [chat,read,tools]")
@click.option("--models", help="Only these models; patterns such as claude-haiku-* as well.")
@click.option("--tools", help="Only these tools.")
@click.option("--servers", help="Only tools of these servers.")
@click.option("--projects", help="Only these projects, by id, and what is in them.")
@click.option("--profile", help="The client profile of whatever it asks.")
@click.option("--on-disconnect", help="cancel or detach: what becomes of answers nobody reads.")
@click.option("--rpm", type=int, help="Requests a minute.")
@click.option("--tpm", type=int, help="Tokens a minute.")
@click.option("--max-concurrent", type=int, help="Requests at the same time.")
@click.option("--budget", help="US dollars: 20 in all, 5/day or 100/month.")
@click.option("--expires", help="When it ends: 90d, 2027-01-31, 2027-01-31T12:00:00Z. [never]")
@json_option
def create_key(*, as_json: bool, **options: object) -> None:
    """Make a key, and print it: this once and never again."""
    wanted = _fields(options)

    async def issue(keyring: Keyring) -> tuple[Key, Secret]:
        return await keyring.issue(fields.read(wanted))

    _tell(*with_keyring(issue), as_json=as_json)


@keys.command("list")
@click.option("--user", help="Only those of one user, by id or name.")
@json_option
def list_keys(*, user: str | None, as_json: bool) -> None:
    """List keys, the newest first."""

    async def read_all(keyring: Keyring) -> Sequence[Key]:
        whose = "" if user is None else (await keyring.user(user)).id

        async def window(page: Page) -> Listing[Key]:
            return await keyring.store.list_keys(page, whose)

        return await everything(window)

    rows = [fields.written(key) for key in with_keyring(read_all)]
    if as_json:
        show_json(rows)
        return
    click.echo(table(HEADS, [[_cell(row[head]) for head in HEADS] for row in rows]))


@keys.command("show")
@click.argument("key")
@json_option
def show_key(*, key: str, as_json: bool) -> None:
    """Show one key, by id or name, with all that it may do."""
    _show(with_keyring(lambda keyring: keyring.key(key)), as_json=as_json)


@keys.command("rotate")
@click.argument("key")
@click.option("--grace", help="How long the old one is good: 0s, 12h, 7d. [1d]")
@json_option
def rotate_key(*, key: str, grace: str | None, as_json: bool) -> None:
    """Give a key another secret, and print that. Everything else about it stays."""

    async def rotate(keyring: Keyring) -> tuple[Key, Secret]:
        seconds = fields.read_grace({"grace": grace})
        return await keyring.rotate((await keyring.key(key)).id, seconds)

    _tell(*with_keyring(rotate), as_json=as_json)


@keys.command("revoke")
@click.argument("key")
@json_option
def revoke_key(*, key: str, as_json: bool) -> None:
    """Let a key open nothing any more; a running gateway knows within a second."""

    async def revoke(keyring: Keyring) -> Key:
        return await keyring.revoke((await keyring.key(key)).id)

    revoked = with_keyring(revoke)
    if as_json:
        show_json(fields.written(revoked))
        return
    click.echo(f"Revoked {shown(revoked.name)} ({revoked.id}).")


def _fields(options: Mapping[str, object]) -> dict[str, object]:
    """Make of options what a client would have sent."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in LISTS:
        if name in given:
            given[name] = [part.strip() for part in str(given[name]).split(",") if part.strip()]
    return given


def _tell(key: Key, secret: Secret, *, as_json: bool) -> None:
    if as_json:
        show_json({**fields.written(key), "key": secret.reveal()})
        return
    click.echo(secret.reveal())
    click.echo(f"This is the key {shown(key.name)} ({key.id}); it is shown only now.", err=True)


def _show(key: Key, *, as_json: bool) -> None:
    told = fields.written(key)
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        click.echo(f"{name:<14} {shown(_cell(value))}")


def _cell(value: object) -> object:
    return ",".join(value) if isinstance(value, list) else value
