"""`claude-gateway users`: make them, disable them, without the server."""

from __future__ import annotations

import click

from claude_gateway.access.keyring import Keyring, everything
from claude_gateway.cli.keys import with_keyring
from claude_gateway.cli.stored import json_option, show_json, shown, table
from claude_gateway.dialects.resources import keys as fields
from claude_gateway.types.keys import OWNER_USER, User

HEADS = ("id", "name", "status", "created_at")


@click.group()
def users() -> None:
    """Make users, who share what they have among their keys. Works beside a running gateway."""


@users.command("create")
@click.argument("name")
@json_option
def create_user(*, name: str, as_json: bool) -> None:
    """Make a user."""

    async def create(keyring: Keyring) -> User:
        return await keyring.add_user(fields.read_user({"name": name}))

    _show(with_keyring(create), as_json=as_json)


@users.command("list")
@json_option
def list_users(*, as_json: bool) -> None:
    """List users, the newest first, and the owner, who is always there."""

    async def read_all(keyring: Keyring) -> list[User]:
        return await everything(keyring.store.list_users)

    rows = [fields.written_user(user) for user in [*with_keyring(read_all), OWNER_USER]]
    if as_json:
        show_json(rows)
        return
    click.echo(table(HEADS, [[row[head] for head in HEADS] for row in rows]))


@users.command("show")
@click.argument("user")
@json_option
def show_user(*, user: str, as_json: bool) -> None:
    """Show one user, by id or name."""
    _show(with_keyring(lambda keyring: keyring.user(user)), as_json=as_json)


@users.command("disable")
@click.argument("user")
@json_option
def disable_user(*, user: str, as_json: bool) -> None:
    """Refuse all keys of a user, until enabled again. What the user has stays."""
    _show(with_keyring(lambda keyring: keyring.disable(user)), as_json=as_json)


@users.command("enable")
@click.argument("user")
@json_option
def enable_user(*, user: str, as_json: bool) -> None:
    """Take the keys of a user that was disabled."""
    _show(with_keyring(lambda keyring: keyring.disable(user, disabled=False)), as_json=as_json)


def _show(user: User, *, as_json: bool) -> None:
    told = fields.written_user(user)
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        click.echo(f"{name:<12} {shown(value)}")
