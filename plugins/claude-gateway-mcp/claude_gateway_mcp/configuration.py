"""The file that says which servers there are: `mcpServers`, as other clients of MCP have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from claude_gateway import PluginError
from claude_gateway_mcp.entries import Around, read_entry
from claude_gateway_mcp.identifiers import identified
from claude_gateway_mcp.specs import Spec

SERVERS = "mcpServers"
MOST_SERVERS = 200


def read_servers(file: Path, variables: Mapping[str, str], *, needed: bool) -> tuple[Spec, ...]:
    """Return the servers of a file; none where there is no file that is `needed`.

    Raises PluginError for a file that cannot be read at all. What is wrong with one server is said by
    that server, and stops no other.
    """
    content = read_file(file, needed=needed)
    servers = servers_of(content, file)
    if len(servers) > MOST_SERVERS:
        raise PluginError(f"{file} has {len(servers)} servers; {MOST_SERVERS} are the most")
    ids, around = identified(servers), Around(variables, file.parent)
    return tuple(read_entry(ids[name], name, entry, around) for name, entry in servers.items())


def read_file(file: Path, *, needed: bool = False) -> dict[str, object]:
    """Return what is in the file; nothing where there is none. Raises PluginError."""
    try:
        raw = file.read_text("utf-8-sig")
    except FileNotFoundError:
        if needed:
            raise PluginError(f"GATEWAY_MCP_CONFIG names {file}, which is not there") from None
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise PluginError(f"{file} cannot be read: {why}") from None
    try:
        content = json.loads(raw) if raw.strip() else {}
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise PluginError(f"{file} is not JSON: {exc.msg} in {where}") from None
    except RecursionError:
        raise PluginError(f"{file} is nested too deeply") from None
    if not isinstance(content, dict):
        raise PluginError(f'{file} wants an object: {{"{SERVERS}": {{…}}}}')
    return content


def servers_of(content: Mapping[str, object], file: Path) -> dict[str, object]:
    """Return the entries by name. Raises PluginError."""
    servers = content.get(SERVERS, {} if not content else None)
    if not isinstance(servers, dict):
        found = "is no object" if SERVERS in content else "is missing"
        raise PluginError(f"{file}: {SERVERS} {found}; it wants the servers by name")
    return servers
