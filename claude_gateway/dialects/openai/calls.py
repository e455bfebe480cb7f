"""Calls of tools in a history, as blocks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import orjson

from claude_gateway.dialects.fields import optional, wrong
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.tools import tool_name
from claude_gateway.sse import whole_escapes
from claude_gateway.types.rawjson import RawJson

ID = re.compile(r"[a-zA-Z0-9_-]+")


def call(call_id: str, function: Mapping[str, object], path: str) -> Block:
    """Return the call of a function, still by the client's id and name.

    `path` is that of the function's fields, with the dot.
    """
    name = tool_name(function, path)
    given = _arguments(function, name, path)
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def upstream_id(call_id: str, earlier: int) -> str:
    """Return the id itself, or one derived from it when upstream would not take it.

    Other services make ids like `functions.look:0`, or count from 0 again in each turn; here they
    have an alphabet and are unique. `earlier` is how often the history has used this one before.
    """
    if ID.fullmatch(call_id) and not earlier:
        return call_id
    return f"call_{hashlib.sha256(f'{earlier}:{call_id}'.encode()).hexdigest()[:32]}"


def _arguments(function: Mapping[str, object], name: str, path: str) -> object:
    """Check the arguments and keep them: writing parsed ones again could change numbers."""
    given = optional(function, "arguments", str, path) or ""
    if not given.strip():
        return {}
    parsed = _parsed(given)
    if parsed is None:  # perhaps only because it holds half a character, cut by some length limit
        given = whole_escapes(given)
        parsed = _parsed(given)
    if not isinstance(parsed, dict):
        wrong(f"{path}arguments", f"of the call of {name!r} must be a JSON object")
    return RawJson(given)


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
