"""`plugins`, `check-config` and `settings`: look without serving."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial

import click

from claude_gateway.cli.environment import environment
from claude_gateway.cli.pages import env_example, markdown
from claude_gateway.cli.reach import check_reach, has_issued
from claude_gateway.cli.serve import check_certificate, writable
from claude_gateway.cli.start import known_settings, load_plugins, prepare
from claude_gateway.defaults import settings as names


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def plugins(*, as_json: bool) -> None:
    """List the plugins that are installed, and the hooks they use. Opens nothing."""
    described = load_plugins(environment({})).describe()
    if as_json:
        click.echo(json.dumps([asdict(d) for d in described], indent=2))
        return
    for d in described:
        origin = f"{d.distribution} {d.version}" if d.distribution else "built in"
        click.echo(f"{d.name}  {origin}  {d.status}")
        for hook in d.hooks:
            click.echo(f"    {hook}")


@click.command("check-config")
def check_config() -> None:
    """Check every setting and load every plugin, without starting anything."""
    settings, loaded = prepare({})
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(key, settings)
    check_certificate(settings)
    check_reach(settings, partial(has_issued, settings, loaded))
    for setting in settings:
        if settings.given(setting):
            value = "***" if setting.secret else settings[setting]
            click.echo(f"{setting.name} = {value}")
    click.echo(f"The settings are fine; {len(loaded.describe())} plugins are installed.")


@click.command("settings")
@click.option("--format", "form", type=click.Choice(["env", "markdown"]), default="env")
def settings_page(form: str) -> None:
    """Print every setting with its default and its help, as .env.example or as Markdown."""
    known = known_settings(load_plugins(environment({})))
    click.echo(env_example(known) if form == "env" else markdown(known), nl=False)
