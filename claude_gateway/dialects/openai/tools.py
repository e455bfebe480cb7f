"""Tools and the choice among them.

In chat the fields of a function have an object of their own; where they are `flat`, as in
Responses, they stand beside the type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong
from claude_gateway.dialects.openai.caching import breakpoint_of

NATIVE = re.compile(r"[a-z][a-z0-9_]*_20\d{6}")
ANYTHING: Mapping[str, object] = {"type": "object", "properties": {}}
NOTHING: Mapping[str, object] = {**ANYTHING, "additionalProperties": False}


def tools(offered: Sequence[object], *, flat: bool = False) -> list[dict[str, object]]:
    """Translate tools, in the client's order and still by the client's names."""
    translated: dict[object, dict[str, object]] = {}
    for i, tool in enumerate(offered):
        where, path = f"tools[{i}]", f"tools[{i}]."
        declared = expect(tool, dict, where)
        if declared.get("type") == "function":
            function, path = _function(declared, where, flat=flat)
            read = _tool(function, path)
            if cache_control := breakpoint_of(declared, where):
                read["cache_control"] = cache_control
        else:
            read = _native(declared, where)
        if read["name"] in translated:
            wrong(f"{path}name", f"is used twice: {read['name']!r}")
        translated[read["name"]] = read
    return list(translated.values())


def stand_ins(names: Iterable[str]) -> list[dict[str, object]]:
    """Describe tools of which only the names are known, from calls in the history."""
    return [{"name": name, "input_schema": ANYTHING} for name in names]


def tool_name(function: Mapping[str, object], path: str) -> str:
    """Return a function's name, which may be anything but empty."""
    name = required(function, "name", str, path)
    if not name:
        wrong(f"{path}name", "must not be empty")
    return name


def allowed(
    offered: list[dict[str, object]], asked: object, *, flat: bool = False
) -> tuple[list[dict[str, object]], object]:
    """Keep the tools that `tool_choice` allows, and return what it says beyond that."""
    if not isinstance(asked, dict) or asked.get("type") != "allowed_tools":
        return offered, asked
    rule, path = (asked, "tool_choice.") if flat else _inside(asked, "allowed_tools", "tool_choice")
    mode = required(rule, "mode", str, path)
    if mode not in ("auto", "required"):
        wrong(f"{path}mode", "must be auto or required")
    names = set()
    for i, entry in enumerate(required(rule, "tools", list, path)):
        where = f"{path}tools[{i}]"
        names.add(_picked(expect(entry, dict, where), offered, where, flat=flat))
    return [tool for tool in offered if tool["name"] in names], mode


def choice(
    asked: object, offered: Sequence[Mapping[str, object]], *, flat: bool = False
) -> dict[str, object]:
    """Translate `tool_choice`."""
    words = {None: "auto", "auto": "auto", "none": "none", "required": "any"}
    if asked is None or isinstance(asked, str):
        if asked not in words:
            wrong("tool_choice", "must be auto, none, required or a function")
        if asked == "required" and not offered:
            wrong("tool_choice", "requires a call, and there are no tools to call")
        return {"type": words[asked]}
    name = _picked(expect(asked, dict, "tool_choice"), offered, "tool_choice", flat=flat)
    return {"type": "tool", "name": name}


def _picked(
    entry: Mapping[str, object], offered: Sequence[Mapping[str, object]], path: str, *, flat: bool
) -> str:
    """Return the name of the tool that is meant, which must be there."""
    function, path = _function(entry, path, flat=flat)
    name = required(function, "name", str, path)
    if name not in [tool["name"] for tool in offered]:
        wrong(f"{path}name", f"names {name[:100]!r}, which is not in tools")
    return name


def _function(
    entry: Mapping[str, object], path: str, *, flat: bool
) -> tuple[Mapping[str, object], str]:
    if entry.get("type") != "function":
        kind = f"{entry.get('type')!r:.50}"
        wrong(f"{path}.type", f"must be 'function', not {kind}", code="unsupported_value")
    return (entry, f"{path}.") if flat else _inside(entry, "function", path)


def _inside(entry: Mapping[str, object], key: str, path: str) -> tuple[Mapping[str, object], str]:
    """Return the object where the fields are, and what their paths begin with."""
    return required(entry, key, dict, f"{path}."), f"{path}.{key}."


def _tool(function: Mapping[str, object], path: str) -> dict[str, object]:
    translated: dict[str, object] = {"name": tool_name(function, path)}
    if description := optional(function, "description", str, path):
        translated["description"] = description
    strict = optional(function, "strict", bool, path)
    schema = passed_on(function, "parameters", path) or (NOTHING if strict else ANYTHING)
    translated["input_schema"] = {**schema} if "type" in schema else {"type": "object", **schema}
    if strict is not None:
        translated["strict"] = strict
    return translated


def _native(declared: Mapping[str, object], path: str) -> dict[str, object]:
    """Pass one of Anthropic's own tools on as it is; its versions are dated, its names its own."""
    kind = declared.get("type")
    if not isinstance(kind, str) or not NATIVE.fullmatch(kind) or "function" in declared:
        wrong(
            f"{path}.type",
            f"must be 'function', or a dated tool of Anthropic's like 'web_search_20250305'; "
            f"{kind!r:.50} is not supported",
            code="unsupported_value",
        )
    tool_name(declared, f"{path}.")  # a toolset has none, and calls that chat cannot show
    return dict(passed_on({path: declared}, path) or {})
