"""Tools as servers list them, checked one by one: one that is wrong must not spoil a request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from claude_gateway import sse
from claude_gateway.schemas import Untold, mistake, schema_mistake
from claude_gateway.toolbox.names import wire_name
from claude_gateway.types.approvals import Approval
from claude_gateway.types.tools import Tool

LARGEST = 64 * 2**10  # bytes of a definition, as compact JSON
LONGEST_NAME = 200  # characters
DEEPEST = 64
MOST_TOOLS = 1000  # of one server
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # what upstream takes
ALTERNATIVES = frozenset({"oneOf", "anyOf", "allOf"})  # what it refuses at the top of a schema


@dataclass(frozen=True, slots=True)
class Entry:
    """A tool that may be offered. `tool` holds plain JSON; `digest` changes when it says else.

    `definition` is what a model is told: Anthropic's `name`, `description`, `input_schema`.
    """

    server: str
    wire_name: str
    tool: Tool
    definition: Mapping[str, object]
    digest: str

    def said(self) -> bytes:
        """Return what the digest is of, as JSON: what a model, or a program, could act on."""
        return _said(self.tool)

    def unfit(self, arguments: Mapping[str, object]) -> str | None:
        """Say why arguments do not fit; None when they do, or when that cannot be told."""
        try:
            return mistake(arguments, self.tool.input_schema)
        except Untold:
            return None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A tool that is not offered; `reason` is a phrase that fits behind its name."""

    server: str
    name: str
    reason: str


class _Unfit(Exception):
    """What is wrong with one tool, as a phrase."""


def checked(server: str, tools: Sequence[object]) -> tuple[list[Entry], list[Quarantined]]:
    """Tell the tools that can be offered, by their names on the wire, from those that cannot."""
    entries: dict[str, Entry] = {}
    apart: list[Quarantined] = []
    for tool in tools[:MOST_TOOLS]:
        try:
            entry = _entry(server, tool)
            if entry.wire_name in entries:
                raise _Unfit("has the name of another tool")
            entries[entry.wire_name] = entry
        except _Unfit as unfit:
            name = str(getattr(tool, "name", "?"))
            apart.append(Quarantined(server, ascii(name[:LONGEST_NAME])[1:-1], str(unfit)))
    if len(tools) > MOST_TOOLS:
        more = f"{len(tools) - MOST_TOOLS} more"
        apart.append(Quarantined(server, more, f"are left out: {MOST_TOOLS} are the most"))
    return sorted(entries.values(), key=lambda entry: entry.wire_name), apart


def _entry(server: str, tool: object) -> Entry:
    if not isinstance(tool, Tool):
        raise _Unfit(f"is no Tool but a {type(tool).__name__}")
    plain = _plain(tool)
    schema = dict(plain.input_schema)
    _check_schema(schema)
    name = wire_name(server, plain.name)
    told = {key: value for key, value in schema.items() if key not in ALTERNATIVES}
    definition = {"name": name, "description": plain.description, "input_schema": told}
    return Entry(server, name, plain, definition, hashlib.sha256(_said(plain)).hexdigest())


def _said(plain: Tool) -> bytes:
    """The same for the same tool in every process, in whatever order its schemas are written."""
    said = {
        "name": plain.name,
        "description": plain.description,
        "input_schema": plain.input_schema,
        "output_schema": plain.output_schema,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _plain(tool: Tool) -> Tool:
    """Return the tool as plain JSON that nobody else holds."""
    _check_name(tool.name)
    described = [tool.description, tool.title, tool.input_schema, tool.annotations]
    try:
        text = sse.compact([*described, tool.output_schema])
        if len(text) > LARGEST:
            raise _Unfit(f"is described in more than {LARGEST // 2**10} KB")
        description, title, schema, annotations, output = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise _Unfit("is not described in JSON") from None
    if not (isinstance(description, str) and isinstance(title, str)):
        raise _Unfit("has a description or title that is no text")
    if not isinstance(schema, dict):
        raise _Unfit("has no object as its schema")
    if not isinstance(annotations, dict) or not isinstance(output, dict | None):
        raise _Unfit("has annotations or an output schema that are no objects")
    if tool.approval not in get_args(Approval):
        raise _Unfit("needs an approval that nobody knows")
    schema = schema if "type" in schema else {"type": "object", **schema}
    return Tool(tool.name, description, schema, title, annotations, output, tool.approval)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise _Unfit(f"has no name of 1 to {LONGEST_NAME} characters")
    if not name.isprintable():
        raise _Unfit("has characters in its name that nobody can see")


def _check_schema(schema: Mapping[str, object]) -> None:
    if schema["type"] != "object":
        raise _Unfit("has a schema whose type is not object")
    if _deeper(schema, DEEPEST):
        raise _Unfit("has a schema that is nested too deeply")
    try:
        if (why := schema_mistake(schema)) is not None:
            raise _Unfit(f"has a schema that is none: {why}")
    except Untold:
        raise _Unfit("has a schema that asks for too much") from None
    properties = schema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    if (odd := next((name for name in names if not PROPERTY.fullmatch(name)), None)) is not None:
        raise _Unfit(f"has an argument whose name no model takes: {odd[:50]!r}")


def _deeper(value: object, levels: int) -> bool:
    inner: Sequence[object] = ()
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    return levels < 0 or any(_deeper(part, levels - 1) for part in inner)
