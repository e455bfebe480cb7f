"""What commands about kept things share: the store, opened alone, and tables of what is in it.

A running gateway is not disturbed: the store is opened beside it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import click

from claude_gateway.access.keyring import everything
from claude_gateway.access.owners import owner_named
from claude_gateway.cli.serve import writable
from claude_gateway.cli.start import prepare
from claude_gateway.defaults import settings as names
from claude_gateway.errors import GatewayError
from claude_gateway.registry import open_store
from claude_gateway.settings import Settings
from claude_gateway.stores import Store
from claude_gateway.types.principals import OWNER_ID

__all__ = [
    "everything",
    "json_option",
    "owner_option",
    "show_json",
    "shown",
    "table",
    "with_owned",
    "with_store",
]

T = TypeVar("T")

WIDEST = 40
NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # what moves a terminal

owner_option = click.option(
    "--owner", default=OWNER_ID, show_default=True, help="Whose they are: a user, by id or name."
)
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def with_store(work: Callable[[Store, Settings], Awaitable[T]]) -> T:
    """Open the store, do the work, close it. A refusal is one sentence."""
    settings, plugins = prepare({})
    writable(names.GATEWAY_DATA_DIR, settings)

    async def run() -> T:
        async with open_store(plugins, settings, settings[names.STORE]) as store:
            if store is None:
                raise click.ClickException("there is no store: install a plugin that brings one")
            return await work(store, settings)

    try:
        return asyncio.run(run())
    except GatewayError as exc:
        raise click.ClickException(exc.message) from exc


def with_owned(owner: str, work: Callable[[Store, str], Awaitable[T]]) -> T:
    """The same for what somebody has, who may be called by name: `work` is told the id."""

    async def run(store: Store, _settings: Settings) -> T:
        return await work(store, await owner_named(store, owner))

    return with_store(run)


def show_json(value: object) -> None:
    """Print for a program."""
    click.echo(json.dumps(value, indent=2))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return aligned columns for a person."""
    lines = [list(heads), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(_aligned(lines, widths))


def shown(value: object) -> str:
    """Return a value without anything that a terminal would obey."""
    return NOT_SHOWN.sub("\ufffd", "" if value is None else str(value))


def _cell(value: object) -> str:
    text = shown(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _aligned(lines: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
