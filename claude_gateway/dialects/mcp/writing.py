"""What servers have and give, as the protocol writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from claude_gateway.dialects.mcp.names import Names
from claude_gateway.toolbox import Entry
from claude_gateway.types.prompts import Prompt, PromptArgument, PromptResult, Suggestions
from claude_gateway.types.server_resources import Resource, ResourceTemplate
from claude_gateway.types.tools import Progress, ToolResult

Written: TypeAlias = dict[str, object]


def tool(names: Names, entry: Entry) -> Written:
    """Write one tool."""
    return {
        "name": names.tool(entry),
        **_told("title", entry.tool.title),
        "description": entry.tool.description,
        "inputSchema": entry.tool.input_schema,
        **_told("outputSchema", entry.tool.output_schema),
        **_told("annotations", entry.tool.annotations),
    }


def result(names: Names, server: str, given: ToolResult) -> Written:
    """Write what a tool gave, whole."""
    content = [names.content(server, block) for block in given.content]
    structured = given.structured_content
    return {
        "content": content,
        **({} if structured is None else {"structuredContent": structured}),
        "isError": given.is_error,
    }


def progress(token: str | int, how_far: Progress) -> Written:
    """Write how far a call has come."""
    return {
        "progressToken": token,
        "progress": how_far.done,
        **({} if how_far.total is None else {"total": how_far.total}),
        **_told("message", how_far.message),
    }


def resource(names: Names, server: str, one: Resource) -> Written:
    """Write one resource."""
    return {
        "uri": names.uri(server, one.uri),
        **_described(one),
        **({} if one.size is None else {"size": one.size}),
    }


def template(names: Names, server: str, one: ResourceTemplate) -> Written:
    """Write one pattern of resources."""
    return {"uriTemplate": names.uri(server, one.uri_template), **_described(one)}


def prompt(names: Names, server: str, one: Prompt) -> Written:
    """Write one prompt."""
    arguments = [_argument(argument) for argument in one.arguments]
    return {
        "name": names.prompt(server, one.name),
        **_told("title", one.title),
        **_told("description", one.description),
        **_told("arguments", arguments),
    }


def filled_in(names: Names, server: str, given: PromptResult) -> Written:
    """Write a prompt that was filled in."""
    messages = []
    for message in given.messages:
        block = message.get("content")
        content = names.content(server, block) if isinstance(block, Mapping) else block
        messages.append({**message, "content": content})
    return {**_told("description", given.description), "messages": messages}


def completion(found: Suggestions) -> Written:
    """Write what an argument may become."""
    total = {} if found.total is None else {"total": found.total}
    return {"completion": {"values": [*found.values], **total, "hasMore": found.more}}


def _argument(argument: PromptArgument) -> Written:
    return {
        "name": argument.name,
        **_told("title", argument.title),
        **_told("description", argument.description),
        "required": argument.required,
    }


def _described(one: Resource | ResourceTemplate) -> Written:
    return {
        "name": one.name,
        **_told("title", one.title),
        **_told("description", one.description),
        **_told("mimeType", one.mime_type),
        **_told("annotations", one.annotations),
    }


def _told(key: str, value: object) -> Written:
    """Return a field that is left out when there is nothing to say."""
    return {key: value} if value else {}
