"""`claude-gateway doctor`: why a phone cannot connect, why a key does not work, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from claude_gateway.cli.doctor.finding import Finding
from claude_gateway.cli.doctor.key import about_key
from claude_gateway.cli.doctor.reach import about_address, about_reach
from claude_gateway.cli.serve import writable
from claude_gateway.cli.start import prepare
from claude_gateway.cli.stored import json_option, show_json, shown
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import demo
from claude_gateway.plugins import Plugins
from claude_gateway.settings import Settings

MARKS = {"ok": "ok   ", "note": "note ", "bad": "BAD  "}
STDIN = "-"


@click.command()
@click.option("--key", help="A key that does not work; - reads it from standard input.")
@click.option("--url", help="The address that was given to the phone.")
@json_option
def doctor(*, key: str | None, url: str | None, as_json: bool) -> None:
    """Find out why a phone cannot connect or a key does not work, and say what to do.

    Run it where the gateway runs, with the same settings. Ends with 1 when something
    is wrong.
    """
    settings, plugins = prepare({})
    given = sys.stdin.read() if key == STDIN else key
    findings = list(_findings(settings, plugins, given, url))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(MARKS[finding.state] + shown(finding.says))
            if finding.fix:
                click.echo("        " + shown(finding.fix))
    if any(finding.state == "bad" for finding in findings):
        raise click.exceptions.Exit(1)


def _findings(
    settings: Settings, plugins: Plugins, key: str | None, url: str | None
) -> Iterator[Finding]:
    yield from _about_settings(settings)
    yield from about_reach(settings, plugins)
    if url is not None:
        yield from about_address(url, settings)
    if key is not None:
        yield from about_key(key, settings, plugins)


def _about_settings(settings: Settings) -> Iterator[Finding]:
    for folder in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(folder, settings)  # raises what main() tells
        yield Finding("ok", f"{folder.name} can be written to: {settings[folder].absolute()}")
    if demo(settings):
        yield Finding(
            "note",
            "No Anthropic key is set: answers are canned.",
            "Put ANTHROPIC_API_KEY=sk-ant-... into .env and start the gateway again.",
        )
