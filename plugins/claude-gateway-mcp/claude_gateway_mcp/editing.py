"""Changes the file that says which servers there are; what nobody asked to change stays."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from claude_gateway import PluginError
from claude_gateway_mcp.configuration import SERVERS, read_file, servers_of


def add_server(file: Path, name: str, entry: Mapping[str, object], *, replace: bool) -> None:
    """Add a server. Raises PluginError for a name that is there, unless it may be replaced."""
    content = read_file(file)
    servers = servers_of(content, file)
    if name in servers and not replace:
        raise PluginError(f"{file} has a server {name!r} already; --force replaces it")
    write_file(file, {**content, SERVERS: {**servers, name: dict(entry)}})


def remove_server(file: Path, name: str) -> None:
    """Remove a server. Raises PluginError when there is none of this name."""
    content = read_file(file)
    servers = servers_of(content, file)
    if name not in servers:
        there = ", ".join(map(repr, servers)) or "none"
        raise PluginError(f"{file} has no server {name!r}; there are: {there}")
    write_file(file, {**content, SERVERS: {n: e for n, e in servers.items() if n != name}})


def write_file(file: Path, content: Mapping[str, object]) -> None:
    """Replace the file at once; only its owner may read it, because it may hold keys."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    temporary = ""
    try:
        target = file.resolve()  # a link stays one
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes it readable for its owner only.
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        Path(temporary).replace(target)
    except OSError as exc:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
        raise PluginError(f"{file} cannot be written: {exc.strerror}") from None
