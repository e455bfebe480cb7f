"""Numbers in the calls of a whole answer, as the model wrote them.

A fast parser makes a float of an integer above 64 bits, and all parsers forget that 1.10 was not
1.1. Only an answer that calls a tool and may hold such a number is parsed once more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import orjson

UNUSUAL = re.compile(rb"\d{19}|\d[.eE]|-0")


def with_exact_numbers(message: Mapping[str, object], body: bytes) -> Mapping[str, object]:
    """Return the message that `body` holds; inputs of calls are text where that is more exact."""
    if not _calls_a_tool(message) or not UNUSUAL.search(body):
        return message
    try:
        written = json.loads(body, parse_int=orjson.Fragment, parse_float=orjson.Fragment)
        content = [_as_text(block) for block in written["content"]]
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ):  # stranger than this can make better
        return message
    return {**message, "content": content}


def _calls_a_tool(message: Mapping[str, object]) -> bool:
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_use":
            return True
    return False


def _as_text(block: dict[str, object]) -> dict[str, object]:
    if block.get("type") != "tool_use" or not isinstance(block.get("input"), dict):
        return block
    return {**block, "input": orjson.dumps(block["input"]).decode()}
