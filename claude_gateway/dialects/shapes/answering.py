"""Shapes of requests for an answer, in the three formats, and of the answers.

What messages must be like together, such as results that follow their calls, no schema can say; nor
does one repeat what OpenAI and Anthropic write about their own formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway.dialects import session_fields
from claude_gateway.dialects.openai import formats, messages, request
from claude_gateway.dialects.openai.effort import LEVELS, SUMMARIES
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.shapes.common import APPROVAL, ID, NAMES
from claude_gateway.dialects.shapes.words import (
    ANYTHING,
    COUNT,
    DOLLARS,
    FLAG,
    OBJECT,
    TEXT,
    Shape,
    array,
    asked,
    maybe,
    one_of,
    told,
    whole,
)

LARGEST_WHOLE = 2**63 - 1  # what JSON readers agree on
LIMIT = whole(1, LARGEST_WHOLE)
CONTENT: Shape = {"anyOf": [TEXT, array(OBJECT)], "description": "A text, or parts."}
MCP = asked(
    (),
    enabled_servers=NAMES,
    enabled_tools=NAMES,
    audit_log=FLAG,
    approval=APPROVAL,
    profile=TEXT,
)
EFFORT = one_of(["none", *LEVELS])
SHARED: Mapping[str, Shape] = {
    "model": {**TEXT, "description": "An id or another name; without one, the default."},
    "stream": FLAG,
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
    "user": TEXT,
    "safety_identifier": TEXT,
    "service_tier": TEXT,
    "prompt_cache_key": TEXT,
    "parallel_tool_calls": FLAG,
    "tools": array(OBJECT),
    "tool_choice": {"anyOf": [one_of(["auto", "none", "required"]), OBJECT]},
    "mcp": {**MCP, "description": "Tools that the gateway runs."},
}
STREAMED = asked((), include_usage=FLAG, include_events=FLAG, include_obfuscation=FLAG)
REASONING = asked((), effort=EFFORT, summary=one_of(SUMMARIES))
CHAT_USAGE = told(
    ("input_tokens", "output_tokens", "total_cost"),
    prompt_tokens=COUNT,
    completion_tokens=COUNT,
    total_tokens=COUNT,
    prompt_tokens_details=OBJECT,
    completion_tokens_details=OBJECT,
    input_tokens=COUNT,
    output_tokens=COUNT,
    total_cost=DOLLARS,
)


def reported(names: Mapping[str, Sequence[object]]) -> Mapping[str, Shape]:
    """Name what is accepted, and reported in x-gateway-ignored-params."""
    said: Shape = {"description": "Accepted, ignored and reported."}
    return {name: said for name in names}  # noqa: C420  # a shape does not change


CHAT: Mapping[str, Shape] = {
    **SHARED,
    "messages": array(
        {
            "type": "object",
            "properties": {"role": one_of(messages.ROLES), "content": maybe(CONTENT)},
            "required": ["role"],
        },
        minItems=1,
    ),
    "n": {"const": 1},
    "system_prompt": TEXT,
    "stream_options": STREAMED,
    "max_tokens": LIMIT,
    "max_completion_tokens": LIMIT,
    "reasoning_effort": EFFORT,
    "reasoning": REASONING,
    "include_reasoning": FLAG,
    "stop": {"anyOf": [TEXT, array(TEXT, maxItems=request.MOST_STOPS)]},
    "response_format": {
        "type": "object",
        "properties": {"type": one_of(formats.KINDS)},
        "required": ["type"],
    },
    "session_id": ID,
    "project_id": ID,
    "on_disconnect": one_of(session_fields.DISCONNECT),
    "if_busy": one_of(session_fields.IF_BUSY),
}
RESPONSE: Mapping[str, Shape] = {
    **SHARED,
    "input": {"anyOf": [{"type": "string", "minLength": 1}, array(OBJECT, minItems=1)]},
    "instructions": TEXT,
    "max_output_tokens": LIMIT,
    "reasoning": REASONING,
    "text": asked((), format=OBJECT),
    "include": array(TEXT),
    "metadata": {
        "type": "object",
        "maxProperties": responses.MOST_PAIRS,
        "propertyNames": {"maxLength": responses.LONGEST_KEY},
        "additionalProperties": {"type": "string", "maxLength": responses.LONGEST_VALUE},
    },
    "store": FLAG,
    "background": FLAG,
    "previous_response_id": TEXT,
    "conversation": {"anyOf": [ID, asked({"id"}, id=ID)]},
    "prompt": {"type": "null", "description": "No prompt is stored here."},
}
NATIVE: Mapping[str, Shape] = {
    "model": TEXT,
    "messages": array(ANYTHING, minItems=1),
    "stream": FLAG,
    "max_tokens": {"description": "Anthropic's own, as is every other field: it goes up as it is."},
    "mcp": SHARED["mcp"],
}

SHAPES: Mapping[str, Shape] = {
    "ChatRequest": {
        **asked({"messages"}, **CHAT),
        "properties": {
            **reported(request.REPORTED),
            **{name: shape if name == "messages" else maybe(shape) for name, shape in CHAT.items()},
        },
        "examples": [{"model": "sonnet", "messages": [{"role": "user", "content": "Hello"}]}],
    },
    "ChatCompletion": {
        **told(
            id=TEXT,
            object={"const": "chat.completion"},
            created=COUNT,
            model=maybe(TEXT),
            choices=array(
                told(
                    ("x_stop_reason", "stop_sequence"),
                    index=COUNT,
                    message=told(
                        ("reasoning_content", "tool_calls"),
                        role={"const": "assistant"},
                        content=maybe(TEXT),
                        refusal=maybe(TEXT),
                        reasoning_content=TEXT,
                        tool_calls=array(OBJECT),
                    ),
                    logprobs={"type": "null"},
                    finish_reason=TEXT,
                    x_stop_reason=TEXT,
                    stop_sequence=TEXT,
                )
            ),
            usage=CHAT_USAGE,
        )
    },
    "ChatStatus": told(
        session_id=TEXT,
        project_id=TEXT,
        model=TEXT,
        is_running=FLAG,
        total_tokens=COUNT,
        total_cost=DOLLARS,
        message_count=COUNT,
        created_at={**TEXT, "format": "date-time"},
        updated_at={**TEXT, "format": "date-time"},
        enabled_servers=array(TEXT),
        enabled_tools=array(TEXT),
    ),
    "Stopped": told(session_id=TEXT, stopped=FLAG, run_id=maybe(TEXT)),
    "ResponseRequest": {
        **asked({"input"}, **RESPONSE),
        "properties": {
            **reported(responses.REPORTED),
            **{name: s if name == "input" else maybe(s) for name, s in RESPONSE.items()},
        },
        "examples": [{"model": "sonnet", "input": "Hello"}],
    },
    "Response": told(
        ("service_tier",),
        id=TEXT,
        object={"const": "response"},
        created_at=COUNT,
        status=one_of(["in_progress", "completed", "incomplete", "failed", "cancelled"]),
        completed_at=maybe(COUNT),
        error=maybe(OBJECT),
        incomplete_details=maybe(OBJECT),
        model=TEXT,
        output=array(OBJECT),
        usage=maybe(OBJECT),
        service_tier=TEXT,
    ),
    "MessagesRequest": {
        **asked({"model", "messages"}, **NATIVE),
        "examples": [
            {
                "model": "sonnet",
                "max_tokens": 100,
                "messages": [{"role": "user", "content": "Hello"}],
            }
        ],
    },
    "MessageAnswer": {
        "type": "object",
        "description": "Anthropic's Message, as upstream sent it.",
        "properties": {"id": TEXT, "type": {"const": "message"}, "content": array(OBJECT)},
        "required": ["id", "type", "role", "content"],
    },
    "TokenCount": told(input_tokens=COUNT),
}
