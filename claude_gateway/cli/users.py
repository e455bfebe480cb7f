"""`claude-gateway users`: make them, disable them, without the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """How much a user may use; 0 is as for everybody."""
    for option in (
        click.option("--max-concurrent", type=int, help="Answers at the same time."),
        click.option("--tpm", type=int, help="Tokens a minute, with all keys."),
        click.option("--rpm", type=int, help="Requests a minute, with all keys."),
    ):
        command = option(command)
    return command


@users.command("create")
@click.argument("name")
@limit_options
@json_option
def create_user(*, name: str, as_json: bool, **limits: int | None) -> None:
    """Make a user. Where no limit is given, that of all users holds (GATEWAY_USER_RPM and the like)."""

    async def create(keyring: Keyring) -> User:
        user = fields.read_user({"name": name})
        return await keyring.add_user(user, fields.read_user_limits(_given(limits)))

    _show(with_keyring(create), as_json=as_json)


@users.command("set")
@click.argument("user")
@limit_options
@json_option
def set_limits(*, user: str, as_json: bool, **limits: int | None) -> None:
    """Say how much a user may use, with all keys; 0 is as for everybody. The others stay."""
    given = _given(limits)
    if not given:
        raise click.UsageError("say what to set: --rpm, --tpm or --max-concurrent")

    async def change(keyring: Keyring) -> User:
        before = (await keyring.user(user)).limits
        return await keyring.limit(user, fields.read_user_limits(given, before))

    _show(with_keyring(change), as_json=as_json)


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


def _given(limits: Mapping[str, int | None]) -> dict[str, object]:
    """Make of options what a client would have sent."""
    return {name: value or None for name, value in limits.items() if value is not None}


def _show(user: User, *, as_json: bool) -> None:
    told = fields.written_user(user)
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        click.echo(f"{name:<14} {shown(value)}")
