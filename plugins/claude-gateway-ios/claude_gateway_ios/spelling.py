"""Names of fields: the app has both spellings, and the gateway has one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

# What the app, or somebody who talks like it, may call a field: the gateway's own name wins.
SESSION: Mapping[str, str] = {
    "projectId": "project_id",
    "systemPrompt": "system_prompt",
    "name": "title",
    "isActive": "is_active",
    "enabledTools": "enabled_tools",
    "enabledServers": "enabled_servers",
    "auditLog": "audit_log",
}
PROJECT: Mapping[str, str] = {"isActive": "is_active"}
MESSAGE: Mapping[str, str] = {"messageMetadata": "message_metadata"}
TOOLS: Mapping[str, str] = {
    "enabledTools": "enabled_tools",
    "enabledServers": "enabled_servers",
    "auditLog": "audit_log",
}
CHAT: Mapping[str, str] = {
    "sessionId": "session_id",
    "projectId": "project_id",
    "systemPrompt": "system_prompt",
    "onDisconnect": "on_disconnect",
    "maxTokens": "max_tokens",
    "mcpConfig": "mcp",
    "mcp_config": "mcp",
}
DEBUG: Mapping[str, str] = {"sessionId": "session_id", "includeContext": "include_context"}


def renamed(fields: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Return fields under the gateway's names."""
    said = {key: value for key, value in fields.items() if key not in names}
    for key, name in names.items():
        if key in fields and said.get(name) is None:
            said[name] = fields[key]
    return said


def both(fields: Mapping[str, object]) -> dict[str, object]:
    """Return fields in both spellings."""
    said = dict(fields)
    for key, value in fields.items():
        if "_" in key:
            said.setdefault(camel(key), value)
    return said


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """`created_at` → `createdAt`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
