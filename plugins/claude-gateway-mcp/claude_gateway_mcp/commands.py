"""`claude-gateway mcp add`, `remove` and `test`: the servers of the configuration."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from claude_gateway import PluginError, Settings
from claude_gateway_mcp.configuration import read_servers
from claude_gateway_mcp.editing import add_server, remove_server
from claude_gateway_mcp.entries import Around, read_entry
from claude_gateway_mcp.placeholders import UNSET
from claude_gateway_mcp.settings import HANDSHAKE_TIMEOUT, config_file
from claude_gateway_mcp.specs import Address, Spec

if TYPE_CHECKING:
    from claude_gateway_mcp.vault import Drawer

Read = Callable[[], Settings]


@click.group()
def mcp() -> None:
    """Look at tool servers, and call their tools."""


@mcp.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", help="Where a server on the network is.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["http", "sse"]),
    help="How it is reached, if one should not find out.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Sent with every request; more than one.",
)
@click.option(
    "--env",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="A variable of a program; more than one.",
)
@click.option("--cwd", help="The folder that a program runs in.")
@click.option("--timeout", type=float, help="Seconds of one call.")
@click.option("--force", is_flag=True, help="Replace a server of this name.")
@click.pass_obj
def add(settings: Read, /, name: str, *, force: bool, **given: object) -> None:
    """Add a server to the configuration: NAME -- COMMAND ARGUMENTS, or NAME --url URL.

    Keys are better said as '${VARIABLE}', which is filled in when the gateway starts.
    """
    if not name.strip() or not name.isprintable():
        raise click.UsageError("A server needs a name that can be read.")
    entry = _entry(given)
    read = settings()
    file = config_file(read)
    spec = read_entry(name, name, entry, Around(read.environment, file.parent))
    if spec.mistake and UNSET not in spec.mistake:
        raise click.UsageError(f"{spec.mistake}.")
    add_server(file, name, entry, replace=force)
    if spec.mistake:
        click.echo(f"{spec.mistake}, here at least.", err=True)
    click.echo(f"{name} is in {file}. Try it: claude-gateway mcp test {name!r}")
    click.echo("A gateway that runs has to be restarted to see it.")


def _entry(given: dict[str, object]) -> dict[str, object]:
    """Return what goes into the file; what was not given is not there."""
    command = given["command"]
    words = list(command) if isinstance(command, tuple) else []
    if bool(words) == bool(given["url"]):
        raise click.UsageError("A server has either a command, behind --, or a --url.")
    entry: dict[str, object] = {}
    if words:
        entry |= {"command": words[0], "args": words[1:]}
        entry["env"] = _pairs(given["variables"], "=", "--env")
        entry["cwd"] = given["cwd"]
    else:
        entry |= {"url": given["url"], "type": given["kind"]}
        entry["headers"] = _pairs(given["headers"], ":", "--header")
    entry["timeout"] = given["timeout"]
    return {field: value for field, value in entry.items() if value not in (None, {}, [])}


def _pairs(given: object, between: str, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in given if isinstance(given, tuple) else ():
        name, there, value = str(pair).partition(between)
        if not there or not name.strip():
            raise click.UsageError(f"{option} wants NAME{between}VALUE.")
        found[name.strip()] = value.strip() if between == ":" else value
    return found


@mcp.command("remove")
@click.argument("name")
@click.pass_obj
def remove(settings: Read, name: str) -> None:
    """Remove a server from the configuration."""
    file = config_file(settings())
    remove_server(file, name)
    click.echo(f"{name} is no longer in {file}.")


@mcp.command("test")
@click.argument("name", required=False)
@click.pass_obj
def try_servers(settings: Read, name: str | None) -> None:
    """Connect to the servers of the configuration, or to NAME, and say what is wrong.

    Ends with status 1 when one does not work.
    """
    from claude_gateway_mcp.trying import tried
    from claude_gateway_mcp.vault import vault_of

    read = settings()
    file = config_file(read)
    servers = _named(read_servers(file, read.environment, needed=False), name, file)
    outcomes = asyncio.run(tried(servers, read[HANDSHAKE_TIMEOUT], vault_of(read)))
    for outcome in outcomes:
        click.echo(outcome.told())
    sys.exit(0 if all(outcome.fine for outcome in outcomes) else 1)


@mcp.command("login")
@click.argument("name")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Where the browser comes back to; any by itself.",
)
@click.pass_obj
def login(settings: Read, name: str, port: int) -> None:
    """Sign in at the server NAME in a browser, and keep what it gives, encrypted.

    The browser has to reach this machine: from elsewhere, choose a --port and let ssh forward it.
    """
    from claude_gateway_mcp.reasons import Failed
    from claude_gateway_mcp.signing_in import sign_in

    address, drawer = _on_the_network(settings(), name)
    try:
        wanted = asyncio.run(sign_in(address, drawer, _open_this, port))
    except Failed as exc:
        raise PluginError(f"{name}: {exc.reason.rstrip('.')}") from None
    click.echo(f"You are signed in at {name}." if wanted else f"{name} wants nobody to sign in.")


def _open_this(url: str) -> None:
    click.echo(f"Open this in a browser:\n\n  {url}\n")


@mcp.command("logout")
@click.argument("name")
@click.pass_obj
def logout(settings: Read, name: str) -> None:
    """Throw away what the server NAME gave when somebody signed in."""
    _, drawer = _on_the_network(settings(), name)
    was_there = drawer.empty()
    click.echo(f"Nobody is signed in at {name} {'any more' if was_there else 'anyway'}.")


def _on_the_network(settings: Settings, name: str) -> tuple[Address, Drawer]:
    from claude_gateway_mcp.vault import vault_of

    file = config_file(settings)
    servers = read_servers(file, settings.environment, needed=False)
    (spec, *_) = _named(servers, name, file)
    if spec.mistake:
        raise PluginError(f"{name}: {spec.mistake}")
    if not isinstance(spec.where, Address):
        raise PluginError(
            f"{name} is no server on the network that is wanted, so nobody signs in there"
        )
    return spec.where, vault_of(settings).drawer(spec.name, spec.where.url)


def _named(servers: tuple[Spec, ...], name: str | None, file: Path) -> tuple[Spec, ...]:
    if not servers:
        raise PluginError(f"there are no servers in {file}; add one: claude-gateway mcp add")
    found = tuple(spec for spec in servers if name in (None, spec.name, spec.id))
    if not found:
        there = ", ".join(spec.name for spec in servers)
        raise PluginError(f"{file} has no server {name!r}; there are: {there}")
    return found
