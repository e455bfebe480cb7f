"""Commands for people who write answers of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from claude_gateway_mock.scripts import read_rules


@click.command("mock-check")
@click.argument("file", type=click.Path(path_type=Path))
def mock_check(file: Path) -> None:
    """Check a file of answers for MOCK_SCRIPT, and say which rule is wrong."""
    try:
        rules = read_rules(file)
    except ValueError as exc:
        click.echo(f"claude-gateway: {exc}", err=True)
        sys.exit(2)
    click.echo(f"{file}: {len(rules)} rules, all fine.")
