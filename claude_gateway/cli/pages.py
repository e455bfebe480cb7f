"""Pages made from the settings themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from claude_gateway.settings import Setting
from claude_gateway.types.secrets import Secret

# Read by Docker Compose itself, from the same file.
COMPOSE = (
    "",
    "# --- Docker Compose ---",
    "",
    "# Address of this machine on which the port is published; 0.0.0.0 lets the network in.",
    "#GATEWAY_PUBLISH=127.0.0.1",
    "",
    "# Owner of files/workspace, when that is not user 1000.",
    "#GATEWAY_UID=1000",
    "#GATEWAY_GID=1000",
)


def env_example(known: Iterable[Setting[object]]) -> str:
    """Return `.env.example`: every setting, commented out, with its default."""
    lines = [
        "# Settings of claude-gateway. Copy to .env and uncomment what you change.",
        "# Made by: claude-gateway settings --format env",
    ]
    for section, settings in _by_section(known).items():
        lines += ["", f"# --- {section} ---"]
        for setting in settings:
            lines += ["", *(f"# {line}" for line in textwrap.wrap(setting.help, 96))]
            lines.append(f"#{setting.name}={setting.example or default(setting)}")
    return "\n".join([*lines, *COMPOSE]) + "\n"


def markdown(known: Iterable[Setting[object]]) -> str:
    """Return the body of docs/settings.md: one table a section."""
    lines: list[str] = []
    for section, settings in _by_section(known).items():
        lines += [f"## {section}", "", "| name | default | meaning |", "|---|---|---|"]
        for setting in settings:
            shown = f"`{default(setting)}`" if default(setting) else ""
            lines.append(f"| `{setting.name}` | {shown} | {setting.help} |")
        lines.append("")
    return "\n".join(lines)


def default(setting: Setting[object]) -> str:
    """Write a default as it would stand in the environment."""
    value = setting.default
    match value:
        case Secret():
            return ""
        case bool():
            return str(value).lower()
        case tuple() | Mapping():
            parts = map("=".join, value.items()) if isinstance(value, Mapping) else map(str, value)
            return ",".join(parts)
        case Path():
            return "" if value == Path() else str(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _by_section(known: Iterable[Setting[object]]) -> dict[str, list[Setting[object]]]:
    sections: dict[str, list[Setting[object]]] = {}
    for setting in known:
        sections.setdefault(setting.section, []).append(setting)
    return sections
