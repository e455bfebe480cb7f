"""What is in a folder, and what a name stands for."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice

from claude_gateway import ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.places import Project, readable, status

MOST_NAMES = 1000  # that are shown
MOST_LOOKED_AT = 20_000


def list_directory(project: Project, given: Mapping[str, object]) -> ToolResult:
    """List a folder: folders first, each by name."""
    place = project.place(given, "path", ".")
    most = arguments.number(given, "limit", MOST_NAMES, MOST_NAMES)
    with place.folder() as folder:
        names = names_in(folder, MOST_LOOKED_AT)
        found = [(name, status(folder, name)) for name in names]
    known = [(_entry(name, seen), name) for name, seen in found if seen is not None]
    entries = [entry for entry, _ in sorted(known, key=lambda e: (e[0]["type"] != "folder", e[1]))]
    lines = [_line(entry) for entry in entries[:most]]
    if len(entries) > most:
        lines.append(f"[{len(entries) - most} more are not shown.]")
    more = len(entries) > most or len(names) == MOST_LOOKED_AT
    structured = {"path": place.shown, "entries": entries[:most], "truncated": more}
    return ToolResult.of("\n".join(lines) or "(The folder is empty.)", structured)


def names_in(folder: int, most: int) -> list[str]:
    """Return the names in an open folder, in order; of more than `most`, any so many."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in islice(entries, most))


def file_info(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Say what is at a place."""
    place = project.place(given, "path")
    if place.relative in (".", place.base):
        with place.folder() as folder:
            seen: os.stat_result | None = os.fstat(folder)
            name = place.shown
    else:
        with place.parent() as (folder, name):
            seen = status(folder, name)
    if seen is None:
        place.refuse("is not there")
    entry = _entry(name, seen)
    entry |= {
        "path": place.shown,
        "modified": _moment(seen.st_mtime),
        "permissions": stat.filemode(seen.st_mode),
    }
    return ToolResult.of("\n".join(f"{key}: {value}" for key, value in entry.items()), entry)


def _entry(name: str, seen: os.stat_result) -> dict[str, object]:
    kind = kind_of(seen)
    entry: dict[str, object] = {"name": readable(name), "type": kind}
    return {**entry, "size": seen.st_size} if kind == "file" else entry


def kind_of(seen: os.stat_result) -> str:
    """Name what it is: file, folder, link or other."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(seen.st_mode), "other")


def _line(entry: Mapping[str, object]) -> str:
    size = f" ({entry['size']} bytes)" if "size" in entry else ""
    return f"[{entry['type']}] {entry['name']}{size}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
