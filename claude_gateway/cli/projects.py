"""`claude-gateway projects`: look at them, make and forget them, without the server."""

from __future__ import annotations

import time

import click

from claude_gateway.cli.stored import (
    everything,
    json_option,
    owner_option,
    show_json,
    shown,
    table,
    with_store,
)
from claude_gateway.defaults.settings import WORKSPACE_DIR
from claude_gateway.dialects.resources.projects import read, written
from claude_gateway.ids import Ids
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.resources import DEFAULT_PROJECT, Project
from claude_gateway.workspace import Workspace


@click.group()
def projects() -> None:
    """Look at projects, make them, delete them. Works beside a running gateway."""


@projects.command("list")
@owner_option
@json_option
def list_projects(*, owner: str, as_json: bool) -> None:
    """List projects, the newest change first."""

    async def read_all(store: Store, _settings: Settings) -> list[Project]:
        return await everything(lambda page: store.list_projects(owner, page))

    rows = [written(project) for project in with_store(read_all)]
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
    project = with_store(lambda store, _: store.get_project(owner, project_id))
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
        now = time.time()
        place = _placed(settings, asked.path)
        project = Project(Ids().project(), owner, asked.name, now, now, asked.description, place)
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
    with_store(lambda store, _: store.delete_project(owner, project_id))
    click.echo(f"Deleted {shown(project_id)}.")


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
