"""More tools than a model should be told of: it is told of two, which find and call the others.

These two are always the same. So what a model reads before a conversation stays as it was, whatever
tools come and go meanwhile: the prompt cache holds, and so does thinking, which is bound to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from claude_gateway import sse
from claude_gateway.loop.asking import Asked, unmade
from claude_gateway.tool_servers import OWN_ID
from claude_gateway.toolbox import Entry, Outcome
from claude_gateway.toolbox.entries import checked
from claude_gateway.toolbox.fanout import merged, side_by_side
from claude_gateway.types.tools import Tool, ToolResult

FOUND, MOST_FOUND = 10, 25
MOST_CALLS, AT_ONCE = 16, 8
MOST_NAMES = 200  # that are told when nothing fits
WORD = re.compile(r"[a-z0-9]{2,}")
IN_NAME, IN_TEXT = 3, 1  # what a word is worth, by where it is found

SEARCH = Tool(
    "search_tools",
    "Find tools by what they do. Most tools are not listed here: describe in a few words what you need, "
    "and you are given the names, descriptions and arguments of those that fit best. Call them with "
    "call_tools.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Words for what the tool should do."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST_FOUND},
        },
        "required": ["query"],
    },
)
CALL = Tool(
    "call_tools",
    "Call tools that search_tools has found: one, or several at once when none needs the result of "
    "another. Results come in the order of the calls; one that fails fails alone.",
    {
        "type": "object",
        "properties": {
            "calls": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_CALLS,
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "description": "As search_tools has given it."},
                        "arguments": {"type": "object"},
                    },
                    "required": ["name"],
                },
            }
        },
        "required": ["calls"],
    },
)


def stand_ins() -> Sequence[Entry]:
    """Return the two, as they are offered."""
    return checked(OWN_ID, [SEARCH, CALL])[0]


def stands_in(entry: Entry) -> bool:
    """Whether this is one of the two."""
    return entry.server == OWN_ID


async def stood_in(
    asked: Asked, hidden: Mapping[str, Entry], make: Callable[[Asked], Awaitable[Outcome]]
) -> ToolResult:
    """Search among hidden tools, or call some of them, each as if the model had called it itself."""
    why = await asyncio.to_thread(asked.entry.unfit, asked.arguments)
    if why is not None:
        return ToolResult.failed(f"The arguments do not fit the tool's schema: {why}")
    arguments: Mapping[str, Any] = asked.arguments
    if asked.entry.tool.name == SEARCH.name:
        return found(hidden, arguments["query"], arguments.get("limit", FOUND))
    jobs = [
        partial(_called, asked, number, one, hidden, make)
        for number, one in enumerate(arguments["calls"])
    ]
    return merged(await side_by_side(jobs, AT_ONCE))


def found(hidden: Mapping[str, Entry], query: str, limit: int) -> ToolResult:
    """Return the tools that fit best, as they would be told to a model; or else all names."""
    words = set(WORD.findall(query.lower()))
    worth = {name: _worth(entry, words) for name, entry in hidden.items()}
    best = sorted((name for name in worth if worth[name]), key=lambda name: (-worth[name], name))
    if not best:
        names = ", ".join([*hidden][:MOST_NAMES])
        return ToolResult.of(f"No tool fits these words. There are: {names}")
    told = [hidden[name].definition for name in best[:limit]]
    return ToolResult.of(sse.compact(told).decode(), {"tools": told, "fitting": len(best)})


async def _called(
    asked: Asked,
    number: int,
    one: Mapping[str, Any],
    hidden: Mapping[str, Entry],
    make: Callable[[Asked], Awaitable[Outcome]],
) -> Outcome:
    entry = hidden.get(one["name"])
    if entry is None:
        return unmade(str(one["name"])[:100], "There is no such tool here; search for it.")
    inner = replace(
        asked, id=f"{asked.id}.{number}", entry=entry, arguments=one.get("arguments", {})
    )
    return await make(inner)


def _worth(entry: Entry, words: set[str]) -> int:
    name = set(WORD.findall(entry.wire_name.lower()))
    properties = entry.tool.input_schema.get("properties")
    said = f"{entry.tool.title} {entry.tool.description} {' '.join(_names(properties))}".lower()
    return sum(IN_NAME * (word in name) + IN_TEXT * (word in said) for word in words)


def _names(properties: object) -> Sequence[str]:
    return [*properties] if isinstance(properties, dict) else []
