"""Projects, as clients send and read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.resources.reading import metadata, text
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.resources import Project
from claude_gateway.workspace import ROOT

LONGEST_NAME, LONGEST_DESCRIPTION, LONGEST_PATH = 255, 10_000, 4096


@dataclass(frozen=True, slots=True)
class NewProject:
    """What a client says of a project; `path` is in its own words."""

    name: str
    description: str
    path: str
    metadata: Mapping[str, object]


def read(fields: Mapping[str, object]) -> NewProject:
    """Read a new project. Raises InvalidRequest naming the field that is wrong."""
    return NewProject(
        _name(fields),
        text(fields, "description", LONGEST_DESCRIPTION) or "",
        text(fields, "path", LONGEST_PATH) or "",
        metadata(fields) or {},
    )


def read_changes(fields: Mapping[str, object]) -> dict[str, object]:
    """Read what shall be otherwise; null is what a new project without the field has."""
    changes: dict[str, object] = {}
    if "name" in fields:
        changes["name"] = _name(fields)
    if "description" in fields:
        changes["description"] = text(fields, "description", LONGEST_DESCRIPTION) or ""
    if "path" in fields:
        changes["path"] = text(fields, "path", LONGEST_PATH) or ""
    if "metadata" in fields:
        changes["metadata"] = metadata(fields) or {}
    if (is_active := optional(fields, "is_active", bool)) is not None:
        changes["is_active"] = is_active
    return changes


def written(project: Project) -> dict[str, object]:
    """A project as clients read it."""
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "path": _place(project.path),
        "is_active": project.is_active,
        "created_at": moment(project.created_at),
        "updated_at": moment(project.updated_at),
        "metadata": project.metadata,
        **({} if project.role is None else {"owner": project.owner, "role": project.role}),
    }


def _name(fields: Mapping[str, object]) -> str:
    name = text(fields, "name", LONGEST_NAME, least=1)
    if name is None:
        wrong("name", "is required and must be a string", code="missing_field")
    return name


def _place(path: str) -> str | None:
    """Name a folder of the workspace as clients do; None when the project has not chosen one."""
    if not path:
        return None
    return ROOT if path == "." else f"{ROOT}/{path}"
