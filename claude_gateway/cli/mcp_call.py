"""`claude-gateway mcp call`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from claude_gateway.cli.stored import json_option, owner_option, show_json, shown
from claude_gateway.cli.tools import Tools, wait_option, with_tools
from claude_gateway.errors import NotFound
from claude_gateway.ids import Ids
from claude_gateway.types.resources import DEFAULT_PROJECT
from claude_gateway.types.tools import ToolCall

if TYPE_CHECKING:
    from claude_gateway.toolbox import Entry, Outcome

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that somebody types."""

    server: str
    tool: str
    arguments: Mapping[str, object]
    owner: str
    project: str

    async def made(self, tools: Tools) -> tuple[Entry, Outcome]:
        """Make it. Raises NotFound for server, tool or project."""
        entry = await tools.toolbox.named(self.server, self.tool)
        path = await self._folder(tools)
        call = ToolCall(
            self.arguments,
            self.owner,
            project_id=self.project,
            project_path=path,
            id=Ids().execution(),
        )
        return entry, await tools.toolbox.call(entry.wire_name, call)

    async def _folder(self, tools: Tools) -> str:
        if tools.store is None:
            if self.project != DEFAULT_PROJECT:
                raise NotFound("There are no projects, because there is no store.")
            return ""
        try:
            return (await tools.store.get_project(self.owner, self.project)).path
        except NotFound:
            if self.project != DEFAULT_PROJECT:
                raise
        return ""  # it is made at the owner's first contact, and is the workspace


def _object(_context: click.Context, _param: click.Parameter, given: str) -> Mapping[str, object]:
    """Read the arguments of a tool."""
    text = sys.stdin.read() if given == STDIN else given
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise click.BadParameter(f"they are not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise click.BadParameter('write a JSON object, such as {"path":"/workspace"}')
    return value


@click.command("call")
@click.argument("server")
@click.argument("tool")
@click.argument("arguments", default="{}", callback=_object)
@click.option("--project", default=DEFAULT_PROJECT, help="The project whose folder it works in.")
@owner_option
@wait_option
@json_option
def call_tool(*, wait: float, as_json: bool, **asked: str) -> None:
    """Call a tool with ARGUMENTS, a JSON object; - reads them from standard input.

    A tool that fails says why, and ends the command with 1.
    """
    from claude_gateway.dialects.resources.mcp import written_outcome  # noqa: PLC0415

    entry, outcome = with_tools(Asked(**asked).made, wait)  # type: ignore[arg-type]
    failed = outcome.result.is_error
    if as_json:
        show_json(written_outcome(entry, outcome))
    else:
        click.echo("\n".join(map(_readable, outcome.shown)), err=failed)
    if failed:
        raise click.exceptions.Exit(1)


def _readable(block: Mapping[str, object]) -> str:
    """Return text as it is but for what would move a terminal, and the kind of all else."""
    lines = str(block.get("text", f"[{block['type']}]")).split("\n")
    return "\n".join(map(shown, lines))
