"""Sets of tools with a name, from a file of the operator's: what a request may ask for in one word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from claude_gateway.errors import SettingsError
from claude_gateway.toolbox.choices import Choice, Globs

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEYS = ("description", "servers", "tools")


@dataclass(frozen=True, slots=True)
class Profile:
    """Patterns such as `read_*`, of servers by id and of tools by name; None is all."""

    name: str
    description: str = ""
    servers: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None

    @property
    def choice(self) -> Choice:
        """What it lets be used."""
        servers = None if self.servers is None else Globs(self.servers)
        return Choice(servers, None if self.tools is None else Globs(self.tools))


def load(path: Path, setting: str) -> dict[str, Profile]:
    """Read the file, if there is to be one. Raises SettingsError with every mistake in it."""
    if path == Path():
        return {}
    origin = f"{setting}: {path}"
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError([f"{origin}: cannot be read ({exc.strerror})"]) from exc
    except UnicodeDecodeError as exc:
        raise SettingsError([f"{origin}: is not UTF-8"]) from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError([f"{origin}: is not TOML: {exc}"]) from exc
    if mistakes := [f"{origin}: {mistake}" for mistake in _mistakes(said)]:
        raise SettingsError(mistakes)
    return {name: _profile(name, fields) for name, fields in said.items()}


def _mistakes(said: Mapping[str, object]) -> Iterator[str]:
    for name, fields in said.items():
        where = f"[{name}]"
        if not NAME.fullmatch(name):
            yield f"{where}: wants 1 to 64 letters, digits, _ and -, the first a letter or digit"
        if not isinstance(fields, dict):
            yield f"{name}: is no table; write it as {where}"
            continue
        yield from (f"{where}: knows no {key}" for key in fields if key not in KEYS)
        if not isinstance(fields.get("description", ""), str):
            yield f"{where}: description must be a string"
        for key in ("servers", "tools"):
            if not _are_patterns(fields.get(key, [])):
                yield f'{where}: {key} must be an array of patterns such as "read_*"'


def _are_patterns(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)


def _profile(name: str, fields: Mapping[str, object]) -> Profile:
    servers, tools = (_patterns(fields.get(key)) for key in ("servers", "tools"))
    return Profile(name, str(fields.get("description", "")), servers, tools)


def _patterns(value: object) -> tuple[str, ...] | None:
    return tuple(map(str, value)) if isinstance(value, list) else None
