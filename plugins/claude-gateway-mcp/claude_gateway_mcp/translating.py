"""What the SDK gives, in the gateway's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import mcp_types as types
from pydantic import BaseModel

from claude_gateway import RawJson, Tool, ToolResult
from claude_gateway_mcp.specs import Rules

WANTS_INPUT = (
    "The tool wants more from a person than its arguments, which nobody can be asked for here."
)


def tools_of(listed: Sequence[types.Tool], rules: Rules) -> tuple[Tool, ...]:
    """Return the tools that the configuration lets through."""
    return tuple(
        Tool(
            name=tool.name,
            description=tool.description or "",
            input_schema=tool.input_schema,
            title=tool.title or (tool.annotations.title if tool.annotations else None) or "",
            annotations=said(tool.annotations) if tool.annotations else {},
            output_schema=tool.output_schema,
            approval=rules.approval_of(tool.name),
        )
        for tool in listed
        if rules.offers(tool.name)
    )


def result_of(given: types.CallToolResult | types.InputRequiredResult) -> ToolResult:
    """Return a result; its blocks are what the server sent."""
    if isinstance(given, types.InputRequiredResult):
        return ToolResult.failed(WANTS_INPUT)
    content = [said(block) for block in given.content]
    structured = given.structured_content
    if structured is not None and not isinstance(structured, Mapping):
        if not content:
            content = [{"type": "text", "text": json.dumps(structured, ensure_ascii=False)}]
        structured = None
    return ToolResult(content, structured, bool(given.is_error))


def said(part: BaseModel) -> dict[str, object]:
    """Return a part of a message as the JSON that it was."""
    return part.model_dump(by_alias=True, mode="json", exclude_unset=True)


def plain(value: object) -> object:
    """Return JSON without numbers that are kept as they were spelled."""
    match value:
        case RawJson():
            return json.loads(value.text)
        case Mapping():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
        case _:
            return value
