"""Shapes that many others have in them, and the envelope of every failure."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects import session_fields
from claude_gateway.dialects.resources import reading
from claude_gateway.dialects.shapes.words import (
    COUNT,
    FLAG,
    OBJECT,
    TEXT,
    Shape,
    array,
    maybe,
    one_of,
    ref,
    string,
    told,
)
from claude_gateway.types.approvals import STRICTNESS

METADATA: Shape = {
    "type": "object",
    "description": f"Yours, at most {reading.LARGEST_METADATA // 2**10} KB as JSON.",
}
NAMES = array(
    string(reading.LONGEST_NAME, minLength=1),
    maxItems=reading.MOST_NAMES,
)
APPROVAL = one_of(STRICTNESS, description="How often a person is asked about calls of tools.")
ID = {
    "type": "string",
    "pattern": f"^(?:{session_fields.ID.pattern}|{session_fields.ADDRESS.pattern})?$",
    "description": "Yours or the gateway's, or `~owner~id` where it is shared; a turn makes what is not there "
    "yet, unless it is somebody else's.",
}
TOKENS: Mapping[str, Shape] = {
    "input_tokens": COUNT,
    "output_tokens": COUNT,
    "cache_creation_input_tokens": COUNT,
    "cache_read_input_tokens": COUNT,
    "thinking_tokens": COUNT,
    "total_tokens": COUNT,
}

SHAPES: Mapping[str, Shape] = {
    "Error": told(
        type={"const": "error"},
        error=told(
            ("details",),
            code={**TEXT, "description": "For programs."},
            message={**TEXT, "description": "What to do next."},
            status={"type": "integer"},
            type={**TEXT, "description": "In Anthropic's words."},
            param={**maybe(TEXT), "description": "The field that was wrong."},
            details={
                **OBJECT,
                "properties": {"budget": ref("Budget")},
                "description": "More for programs; with the code budget_exceeded, the budget.",
            },
        ),
        request_id=TEXT,
    ),
    "Deleted": told(id=TEXT, deleted=FLAG),
}
