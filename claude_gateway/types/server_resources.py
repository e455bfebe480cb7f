"""What tool servers have besides tools to read: resources, in the shapes of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from claude_gateway.types.resources import DEFAULT_PROJECT


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a server is asked for something that is no call of a tool.

    The fields mean what they mean in a ToolCall; there is never a credential of the caller's.
    """

    principal: str
    project_id: str = DEFAULT_PROJECT
    project_path: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something to read. `uri` is the server's own; `size` is in bytes, None where nobody knows."""

    uri: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = ""
    size: int | None = None
    annotations: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceTemplate:
    """Resources that cannot be listed one by one. `uri_template` is one of RFC 6570."""

    uri_template: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = ""
    annotations: Mapping[str, object] = field(default_factory=dict)
