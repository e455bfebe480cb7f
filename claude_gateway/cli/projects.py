"""`claude-gateway projects`: look at them, make and forget them, without the server."""

from __future__ import annotations

import time

import click

from claude_gateway.access.keyring import Keyring
from claude_gateway.access.owners import owner_named
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
from claude_gateway.defaults.settings import WORKSPACE_DIR
from claude_gateway.dialects.resources import members
from claude_gateway.dialects.resources.projects import read, written
from claude_gateway.ids import Ids
from claude_gateway.key_stores import as_key_store
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.resources import DEFAULT_PROJECT, Project
from claude_gateway.types.sharing import ROLES, Member, Role
from claude_gateway.workspace import Workspace


@click.group()
def projects() -> None:
    """Look at projects, make, share and delete them. Works beside a running gateway."""


@projects.command("list")
@owner_option
@json_option
def list_projects(*, owner: str, as_json: bool) -> None:
    """List projects, the newest change first."""

    async def read_all(store: Store, who: str) -> list[Project]:
        return await everything(lambda page: store.list_projects(who, page))

    rows = [written(project) for project in with_owned(owner, read_all)]
    if as_json:
        show_json(rows)
        return
    heads = ("id", "name", "path", "updated_at")
    click.echo(table(heads, [[row[head] for head in heads] for row in rows]))


@projects.command("show")
@click.argument("project_id")
@owner_option
@json_option
def show_project(*, project_id: str, owner: str, as_json: bool) -> None:
    """Show one project."""
    project = with_owned(owner, lambda store, who: store.get_project(who, project_id))
    _show(project, as_json=as_json)


@projects.command("create")
@click.argument("name")
@click.option("--description", default="", help="What it is about.")
@click.option("--path", default="", help="Its folder in the workspace; made when it is missing.")
@owner_option
@json_option
def create_project(*, name: str, description: str, path: str, owner: str, as_json: bool) -> None:
    """Make a project."""

    async def create(store: Store, settings: Settings) -> Project:
        asked = read({"name": name, "description": description, "path": path})
        now, who = time.time(), await owner_named(store, owner)
        place = _placed(settings, asked.path)
        project = Project(Ids().project(), who, asked.name, now, now, asked.description, place)
        return await store.create_project(project)

    _show(with_store(create), as_json=as_json)


@projects.command("delete")
@click.argument("project_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@owner_option
def delete_project(*, project_id: str, yes: bool, owner: str) -> None:
    """Forget a project. Its files stay; its sessions go to the default project."""
    if project_id == DEFAULT_PROJECT:
        raise click.ClickException("the default project cannot be deleted")
    if not yes:
        click.confirm(f"Forget the project {shown(project_id)}?", abort=True)
    with_owned(owner, lambda store, who: store.delete_project(who, project_id))
    click.echo(f"Deleted {shown(project_id)}.")


@projects.command("share")
@click.argument("project_id")
@click.argument("user")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@owner_option
@json_option
def share_project(*, project_id: str, user: str, role: Role, owner: str, as_json: bool) -> None:
    """Let a user, by id or name, see a project or change what is in it; or give them another role."""

    async def share(store: Store, who: str) -> Member:
        return await store.set_member(who, project_id, await _user(store, user), role)

    member = members.written(with_owned(owner, share))
    if as_json:
        show_json(member)
        return
    click.echo(f"{shown(user)} is {member['role']} of {shown(project_id)}.")


@projects.command("unshare")
@click.argument("project_id")
@click.argument("user")
@owner_option
def unshare_project(*, project_id: str, user: str, owner: str) -> None:
    """Let a user in no more. What they have made in the project stays there."""

    async def unshare(store: Store, who: str) -> None:
        known = {member.user for member in await store.list_members(who, project_id)}
        name = user if user in known else await _user(store, user)
        await store.remove_member(who, project_id, name)

    with_owned(owner, unshare)
    click.echo(f"{shown(user)} is let into {shown(project_id)} no more.")


@projects.command("members")
@click.argument("project_id")
@owner_option
@json_option
def list_members(*, project_id: str, owner: str, as_json: bool) -> None:
    """List the users with whom a project is shared."""
    found = with_owned(owner, lambda store, who: store.list_members(who, project_id))
    rows = [members.written(member) for member in found]
    if as_json:
        show_json(rows)
        return
    heads = ("user", "role", "since")
    click.echo(table(heads, [[row[head] for head in heads] for row in rows]))


async def _user(store: Store, name: str) -> str:
    keeper = as_key_store(store)
    if keeper is None:
        raise click.ClickException("the store of this gateway keeps no users")
    return await Keyring(keeper).member(name)


def _placed(settings: Settings, path: str) -> str:
    if not path:
        return ""
    settings[WORKSPACE_DIR].mkdir(parents=True, exist_ok=True)
    workspace = Workspace(settings[WORKSPACE_DIR])
    relative = workspace.resolve(path)
    workspace.make_folder(relative)
    return relative


def _show(project: Project, *, as_json: bool) -> None:
    fields = written(project)
    if as_json:
        show_json(fields)
        return
    for name, value in fields.items():
        click.echo(f"{name:<12} {shown(value)}")
