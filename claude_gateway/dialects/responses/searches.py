"""Searches of the web, which upstream runs itself: OpenAI's tool as Anthropic's."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.fields import expect, optional, wrong

KINDS = frozenset(
    {
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)
NAME = "web_search"
UPSTREAMS: Mapping[str, object] = {"type": "web_search_20250305", "name": NAME}
PLACES = ("city", "region", "country", "timezone")
SIZES = ("low", "medium", "high")


def is_search(tool: object) -> bool:
    """Whether a tool, or a choice of one, is OpenAI's search of the web."""
    return isinstance(tool, dict) and isinstance(tool.get("type"), str) and tool["type"] in KINDS


def with_searches(fields: Mapping[str, object], ignored: list[str]) -> Mapping[str, object]:
    """Return a request's fields with searches as upstream knows them, if there are any."""
    tools = fields.get("tools")
    if not isinstance(tools, list) or not any(map(is_search, tools)):
        return fields
    uses = optional(fields, "max_tool_calls", int)
    if uses is not None:
        if uses < 1:
            wrong("max_tool_calls", "must be at least 1")
        ignored.remove("max_tool_calls")
    most: dict[str, object] = {} if uses is None else {"max_uses": uses}
    known = [
        {**_search(tool, f"tools[{i}]", ignored), **most} if is_search(tool) else tool
        for i, tool in enumerate(tools)
    ]
    return {**fields, "tools": known, "tool_choice": _choice(fields.get("tool_choice"))}


def _search(tool: Mapping[str, object], path: str, ignored: list[str]) -> dict[str, object]:
    if optional(tool, "external_web_access", bool, f"{path}.") is False:
        wrong(f"{path}.external_web_access", "must be true: there is no other search here")
    size = optional(tool, "search_context_size", str, f"{path}.")
    if size not in (None, *SIZES):
        wrong(f"{path}.search_context_size", f"must be one of {', '.join(SIZES)}")
    if size not in (None, "medium"):
        ignored.append(f"{path}.search_context_size")
    search: dict[str, object] = {**UPSTREAMS}
    where = f"{path}.filters."
    filters = optional(tool, "filters", dict, f"{path}.") or {}
    if domains := optional(filters, "allowed_domains", list, where):
        at = f"{where}allowed_domains"
        search["allowed_domains"] = [expect(d, str, f"{at}[{i}]") for i, d in enumerate(domains)]
    if place := _place(optional(tool, "user_location", dict, f"{path}.") or {}, path):
        search["user_location"] = {"type": "approximate", **place}
    return search


def _place(location: Mapping[str, object], path: str) -> dict[str, str]:
    where = f"{path}.user_location."
    return {key: value for key in PLACES if (value := optional(location, key, str, where))}


def _choice(asked: object) -> object:
    """Name the search as a function is named: upstream makes no difference."""
    if is_search(asked):
        return {"type": "function", "name": NAME}
    if isinstance(asked, dict) and isinstance(asked.get("tools"), list):
        return {**asked, "tools": [_choice(tool) for tool in asked["tools"]]}
    return asked
