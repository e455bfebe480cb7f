"""An example of a body, for a reader to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claude_gateway.dialects.shapes import SHAPES, Shape

PLAIN: Mapping[str, object] = {
    "string": "text",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
}


def sample(shape: Shape) -> object:
    """Return what a shape gives as an example, or else the least that it takes."""
    said: Mapping[str, Any] = shape
    if "$ref" in said:
        return sample(SHAPES[said["$ref"].rpartition("/")[2]])
    for words in ("examples", "enum"):
        if said.get(words):
            found: object = said[words][0]
            return found
    if "properties" in said:
        return {name: sample(said["properties"][name]) for name in said.get("required", ())}
    kind = said.get("type", "object")
    return PLAIN[kind if isinstance(kind, str) else kind[0]]
