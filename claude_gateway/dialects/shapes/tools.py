"""Shapes of the tools that the gateway runs, of their servers, and of what was called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from claude_gateway.dialects.resources import audit, mcp
from claude_gateway.dialects.shapes.common import ID, NAMES
from claude_gateway.dialects.shapes.words import (
    ANYTHING,
    COUNT,
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
    told,
    whole,
)
from claude_gateway.types.tools import ServerStatus

CALL: Mapping[str, Shape] = {"server": TEXT, "tool": TEXT, "arguments": OBJECT}
WHERE: Mapping[str, Shape] = {"session_id": ID, "project_id": ID, "profile": TEXT}
TOOL: Mapping[str, Shape] = {
    "name": TEXT,
    "title": TEXT,
    "description": TEXT,
    "input_schema": OBJECT,
    "annotations": OBJECT,
}
OUTCOME: Mapping[str, Shape] = {
    "server": TEXT,
    "tool": TEXT,
    "content": array(OBJECT, description="MCP's content blocks."),
    "structured_content": maybe(OBJECT),
    "is_error": FLAG,
    "duration_ms": COUNT,
}
ONE_CALL: Shape = {
    "examples": [{"server": "mcp_filesystem", "tool": "read_file", "arguments": {"path": "a.txt"}}]
}
REFUSAL = told(server=TEXT, tool=TEXT, is_error=FLAG, error=told(code=TEXT, message=TEXT))
NOTHING: Shape = {"type": "null"}
EITHER: Shape = {
    "examples": [{"tool": "read_file", "arguments": {"path": "a.txt"}}],
    "anyOf": [
        {
            "required": ["calls"],
            "properties": {
                "calls": {"type": "array", "minItems": 1},
                **dict.fromkeys(("tool", "servers", "arguments"), NOTHING),
            },
        },
        {
            "required": ["tool"],
            "properties": {"calls": NOTHING, "tool": TEXT, "servers": {"maxItems": mcp.MOST_CALLS}},
        },
    ],
}

SHAPES: Mapping[str, Shape] = {
    "ToolServers": told(
        servers=array(
            told(
                id=TEXT,
                name=TEXT,
                description=TEXT,
                status=one_of(get_args(ServerStatus)),
                reason=maybe(TEXT),
                transport=TEXT,
                tool_count=COUNT,
                quarantined=array(told(name=TEXT, reason=TEXT)),
            )
        )
    ),
    "ServerTools": told(server_id=TEXT, tools=array(told(**TOOL))),
    "Tools": told(tools=array(told(server_id=TEXT, wire_name=TEXT, **TOOL))),
    "ToolProfiles": told(
        profiles=array(
            told(
                name=TEXT,
                description=TEXT,
                servers=maybe(array(TEXT)),
                tools=maybe(array(TEXT)),
                tool_count=COUNT,
            )
        )
    ),
    "ToolCall": asked({"server", "tool"}, rules=ONE_CALL, **CALL, **WHERE),
    "ToolOutcome": told(**OUTCOME),
    "ToolFanout": asked(
        (),
        rules=EITHER,
        **WHERE,
        calls=array(asked({"server", "tool"}, **CALL), maxItems=mcp.MOST_CALLS),
        tool=TEXT,
        servers=NAMES,
        arguments=OBJECT,
        concurrency=whole(1, mcp.MOST_AT_ONCE),
        merge=FLAG,
    ),
    "ToolOutcomes": told(
        ("content",),
        results=array({"anyOf": [told(**OUTCOME), REFUSAL]}),
        failed=COUNT,
        content=array(OBJECT),
        duration_ms=COUNT,
    ),
    "ToolChanges": told(
        server_id=TEXT,
        changes=array(
            told(tool=TEXT, digest=TEXT, now=OBJECT, before=maybe(OBJECT), before_at=maybe(MOMENT))
        ),
    ),
    "Digest": asked({"digest"}, digest={**TEXT, "description": "Of what was looked at."}),
    "Approved": told(server_id=TEXT, tool=TEXT, digest=TEXT, approved=FLAG),
    "AuditEntries": page(
        "entries",
        told(
            number=COUNT,
            at=MOMENT,
            principal=TEXT,
            server=maybe(TEXT),
            tool=TEXT,
            outcome=one_of(audit.OUTCOMES),
            duration_ms=COUNT,
            session_id=maybe(TEXT),
            run_id=maybe(TEXT),
            project_id=maybe(TEXT),
            call_id=maybe(TEXT),
            arguments_sha256=TEXT,
            arguments_bytes=COUNT,
            arguments=ANYTHING,
        ),
    ),
    "RpcMessage": {
        "type": "object",
        "description": "One message of JSON-RPC, as the Model Context Protocol has it.",
        "examples": [{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer"]},
            "method": {"type": "string", "minLength": 1},
        },
        "required": ["jsonrpc"],
        "anyOf": [
            {"required": ["method"], "properties": {"params": {"type": ["object", "null"]}}},
            {"required": ["result"]},
            {"required": ["error"]},
        ],
    },
    "RpcAnswer": {
        "type": "object",
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer", "null"]},
            "result": OBJECT,
            "error": told(("data",), code={"type": "integer"}, message=TEXT, data=ANYTHING),
        },
        "required": ["jsonrpc", "id"],
        "anyOf": [{"required": ["result"]}, {"required": ["error"]}],
    },
}
