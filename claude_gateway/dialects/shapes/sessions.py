"""Shapes of sessions, their messages and their tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from claude_gateway.dialects.resources import messages, sessions, tools
from claude_gateway.dialects.resources.reading import FARTHEST
from claude_gateway.dialects.shapes.common import APPROVAL, METADATA, NAMES
from claude_gateway.dialects.shapes.parts import CONTENT, WORDS
from claude_gateway.dialects.shapes.words import (
    ANYTHING,
    COUNT,
    DAY,
    DOLLARS,
    FLAG,
    MOMENT,
    OBJECT,
    TEXT,
    Shape,
    array,
    asked,
    mapping,
    maybe,
    one_of,
    page,
    ref,
    string,
    told,
    whole,
)
from claude_gateway.types.resources import SessionStatus, ToolType

CHOICES: Mapping[str, Shape] = {
    "enabled_tools": NAMES,
    "tools": {**NAMES, "description": "Another name for enabled_tools, which wins."},
    "enabled_servers": NAMES,
    "audit_log": FLAG,
    "approval": APPROVAL,
}
FIELDS: Mapping[str, Shape] = {
    "project_id": string(sessions.LONGEST_ID),
    "model": string(sessions.LONGEST_ID),
    "title": string(sessions.LONGEST_TITLE),
    "system_prompt": string(sessions.LONGEST_PROMPT),
    "metadata": METADATA,
    **CHOICES,
    "create_project": {**FLAG, "description": "Make the project, if there is none of that id."},
}
STATUS = one_of(get_args(SessionStatus))
CONTRADICTION: Shape = {
    "not": {
        "anyOf": [
            {
                "properties": {"is_active": {"const": active}, "status": {"const": status}},
                "required": ["is_active", "status"],
            }
            for active, status in ((True, "ended"), (False, "active"))
        ]
    }
}
NO_COPY_UP_TO: Shape = {
    "not": {
        "properties": {
            "copy_messages": {"const": False},
            "up_to": {"not": {"type": "null"}},
        },
        "required": ["copy_messages", "up_to"],
    }
}
BY_ROLE: Shape = {
    "examples": [{"role": "user", "content": "Keep this"}],
    "anyOf": [
        {"properties": {"role": {"const": "user"}, "content": CONTENT}},
        {"properties": {"role": one_of(["assistant", "system"]), "content": WORDS}},
    ],
}
TALLY = told(runs=COUNT, total_tokens=COUNT, total_cost=DOLLARS, unpriced_runs=COUNT)

SHAPES: Mapping[str, Shape] = {
    "NewSession": asked((), **FIELDS),
    "SessionChanges": asked((), rules=CONTRADICTION, **FIELDS, status=STATUS, is_active=FLAG),
    "Fork": asked(
        (),
        rules=NO_COPY_UP_TO,
        title=FIELDS["title"],
        copy_messages=FLAG,
        up_to={
            "anyOf": [TEXT, whole(-FARTHEST, FARTHEST)],
            "description": "The id or the number of the last message that is copied.",
        },
    ),
    "Session": told(
        id=TEXT,
        project_id=TEXT,
        parent_id=maybe(TEXT),
        title=maybe(TEXT),
        model=TEXT,
        system_prompt=maybe(TEXT),
        status=STATUS,
        is_active=FLAG,
        total_tokens=COUNT,
        total_cost=DOLLARS,
        unpriced_runs=COUNT,
        message_count=COUNT,
        created_at=MOMENT,
        updated_at=MOMENT,
        metadata=OBJECT,
    ),
    "Sessions": page("sessions", ref("Session")),
    "SessionStats": told(
        active_sessions=COUNT,
        total_messages=COUNT,
        total_tokens=COUNT,
        total_cost=DOLLARS,
        total_runs=COUNT,
        unpriced_runs=COUNT,
        by_model=mapping(TALLY),
        by_day=mapping(TALLY, propertyNames=DAY),
    ),
    "NewMessage": asked(
        {"role", "content"},
        rules=BY_ROLE,
        role=one_of(messages.ROLES),
        content=CONTENT,
        message_metadata=METADATA,
    ),
    "SessionMessage": told(
        id=TEXT,
        session_id=TEXT,
        role=TEXT,
        content={**TEXT, "description": "What a person reads."},
        token_count=COUNT,
        number=COUNT,
        run_id=maybe(TEXT),
        created_at=MOMENT,
        message_metadata=OBJECT,
        blocks=array(OBJECT, description="Anthropic's content blocks, as they were kept."),
    ),
    "SessionMessages": page("messages", ref("SessionMessage"), session_id=TEXT),
    "ToolChoices": asked((), **CHOICES),
    "ChosenTools": told(
        session_id=TEXT,
        enabled_tools=maybe(array(TEXT)),
        enabled_servers=maybe(array(TEXT)),
        audit_log=FLAG,
        approval=APPROVAL,
    ),
    "ToolExecution": told(
        id=TEXT,
        tool_name=TEXT,
        tool_type=one_of(get_args(ToolType)),
        server=maybe(TEXT),
        status=one_of(tools.STATES),
        error_message=maybe(TEXT),
        execution_time_ms=maybe(COUNT),
        created_at=MOMENT,
        completed_at=maybe(MOMENT),
        input_params=ANYTHING,
        output=ANYTHING,
    ),
    "SessionTools": {
        "allOf": [ref("ChosenTools"), page("executions", ref("ToolExecution"))],
    },
}
