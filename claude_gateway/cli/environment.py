"""Where settings come from. The only module that reads the process's environment."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from claude_gateway.errors import SettingsError

# What Claude Code's settings.json may say for us; the rest of its `env` is not meant for a server.
FROM_CLAUDE = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL")


def environment(flags: Mapping[str, str | None], dotenv: Path = Path(".env")) -> dict[str, str]:
    """Flags over the environment over `.env` over Claude Code's settings.json.

    Raises SettingsError for a file that is there and cannot be read.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    merged = {**_dotenv(dotenv), **{k: v for k, v in os.environ.items() if v.strip()}, **given}
    folder = merged.get("CLAUDE_CONFIG_DIR", "").strip()
    return {**_claude(folder), **merged} if folder else merged


def _dotenv(path: Path) -> dict[str, str]:
    try:
        if not path.is_file():
            return {}
        text = path.read_text("utf-8")
        if wrong := [b.original.line for b in parse_stream(io.StringIO(text)) if b.error]:
            lines = ", ".join(str(line) for line in wrong)
            raise SettingsError([f"{path}: line {lines} cannot be read; is a quote missing?"])
        values = dotenv_values(stream=io.StringIO(text))
        return {name: value for name, value in values.items() if value is not None}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path} cannot be read: {exc}"]) from exc


def _claude(folder: str) -> dict[str, str]:
    path = Path(folder, "settings.json")
    try:
        path = path.expanduser()
        if not path.is_file():
            return {}
        settings = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RuntimeError) as exc:
        raise SettingsError([f"CLAUDE_CONFIG_DIR: {path} cannot be read: {exc}"]) from exc
    env = settings.get("env") if isinstance(settings, dict) else None
    if not isinstance(env, dict):
        return {}
    return {name: env[name] for name in FROM_CLAUDE if isinstance(env.get(name), str)}
