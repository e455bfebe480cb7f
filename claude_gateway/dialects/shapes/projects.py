"""Shapes of projects."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.resources import projects
from claude_gateway.dialects.shapes.common import METADATA
from claude_gateway.dialects.shapes.words import (
    FLAG,
    MOMENT,
    OBJECT,
    TEXT,
    Shape,
    array,
    asked,
    maybe,
    one_of,
    page,
    ref,
    string,
    told,
)
from claude_gateway.types.sharing import ROLES

FIELDS: Mapping[str, Shape] = {
    "name": string(projects.LONGEST_NAME, blank=False),
    "description": string(projects.LONGEST_DESCRIPTION),
    "path": string(
        projects.LONGEST_PATH,
        description="A folder of the workspace, relative or below /workspace. It is made if need be.",
        examples=["app", "/workspace/app"],
    ),
    "metadata": METADATA,
}

SHAPES: Mapping[str, Shape] = {
    "NewProject": asked({"name"}, **FIELDS),
    "ProjectChanges": {
        **asked((), **FIELDS, is_active=FLAG),
        "properties": {
            **{key: maybe(shape) for key, shape in FIELDS.items()},
            "name": FIELDS["name"],
            "is_active": maybe(FLAG),
        },
    },
    "Project": told(
        ("owner", "role"),
        id={**TEXT, "description": "`~owner~id` where somebody else shares it."},
        name=TEXT,
        description=TEXT,
        path=maybe(TEXT),
        is_active=FLAG,
        created_at=MOMENT,
        updated_at=MOMENT,
        metadata=OBJECT,
        owner={**TEXT, "description": "Whose it is, where it is shared."},
        role=one_of(ROLES, description="What you may do, where it is shared."),
    ),
    "Projects": page("projects", ref("Project")),
    "NewRole": asked({"role"}, role=one_of(ROLES)),
    "Member": told(user=TEXT, role=one_of(ROLES), since=MOMENT),
    "Members": told(owner=TEXT, members=array(ref("Member"))),
}
