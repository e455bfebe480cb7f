"""Tools and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from claude_gateway.dialects.fields import expect, optional, passed_on, required, wrong
from claude_gateway.dialects.openai.caching import breakpoint_of

ANYTHING: Mapping[str, object] = {"type": "object", "properties": {}}


def tools(offered: Sequence[object]) -> list[dict[str, object]]:
    """Translate function tools, in the client's order and still by the client's names."""
    translated = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(offered)]
    names = set()
    for i, tool in enumerate(translated):
        if tool["name"] in names:
            wrong(f"tools[{i}].function.name", f"is used twice: {tool['name']!r}")
        names.add(tool["name"])
    return translated


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
    offered: list[dict[str, object]], asked: object
) -> tuple[list[dict[str, object]], object]:
    """Keep the tools that `tool_choice` allows, and return what it says beyond that."""
    if not isinstance(asked, dict) or asked.get("type") != "allowed_tools":
        return offered, asked
    path = "tool_choice.allowed_tools"
    rule = required(asked, "allowed_tools", dict, "tool_choice.")
    mode = required(rule, "mode", str, f"{path}.")
    if mode not in ("auto", "required"):
        wrong(f"{path}.mode", "must be auto or required")
    names = set()
    for i, entry in enumerate(required(rule, "tools", list, f"{path}.")):
        names.add(_picked(expect(entry, dict, f"{path}.tools[{i}]"), offered, f"{path}.tools[{i}]"))
    return [tool for tool in offered if tool["name"] in names], mode


def choice(asked: object, offered: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Translate `tool_choice`."""
    words = {None: "auto", "auto": "auto", "none": "none", "required": "any"}
    if asked is None or isinstance(asked, str):
        if asked not in words:
            wrong("tool_choice", "must be auto, none, required or a function")
        if asked == "required" and not offered:
            wrong("tool_choice", "requires a call, and there are no tools to call")
        return {"type": words[asked]}
    name = _picked(expect(asked, dict, "tool_choice"), offered, "tool_choice")
    return {"type": "tool", "name": name}


def _picked(entry: Mapping[str, object], offered: Sequence[Mapping[str, object]], path: str) -> str:
    """Return the name of the tool that is meant, which must be there."""
    if entry.get("type") != "function":
        wrong(f"{path}.type", "must be 'function'", code="unsupported_value")
    function = required(entry, "function", dict, f"{path}.")
    name = required(function, "name", str, f"{path}.function.")
    if name not in [tool["name"] for tool in offered]:
        wrong(f"{path}.function.name", f"names {name[:100]!r}, which is not in tools")
    return name


def _tool(tool: object, path: str) -> dict[str, object]:
    declared = expect(tool, dict, path)
    if declared.get("type") != "function":
        wrong(f"{path}.type", "must be 'function'", code="unsupported_value")
    function = required(declared, "function", dict, f"{path}.")
    name = tool_name(function, f"{path}.function.")
    translated: dict[str, object] = {"name": name}
    if description := optional(function, "description", str, f"{path}.function."):
        translated["description"] = description
    schema = passed_on(function, "parameters", f"{path}.function.") or ANYTHING
    translated["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if (strict := optional(function, "strict", bool, f"{path}.function.")) is not None:
        translated["strict"] = strict
    if cache_control := breakpoint_of(declared, path):
        translated["cache_control"] = cache_control
    return translated
