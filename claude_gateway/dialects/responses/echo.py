"""What a response says of the request that it answers."""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway.dialects.responses.searches import PLACES, is_search

AS_SENT = (
    "instructions",
    "max_output_tokens",
    "prompt_cache_key",
    "safety_identifier",
    "temperature",
    "top_p",
    "user",
)
OF_A_FUNCTION = ("name", "description", "parameters", "strict")
OF_A_SCHEMA = ("name", "description", "strict")


def echo(fields: Mapping[str, object]) -> dict[str, object]:
    """Repeat a request that could be translated, and what holds where it says nothing."""
    reasoning = _object(fields.get("reasoning"))
    return {
        **{key: fields.get(key) for key in AS_SENT},
        "background": False,
        "metadata": fields.get("metadata") or {},
        "parallel_tool_calls": fields.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {
            "effort": reasoning.get("effort"),
            "summary": reasoning.get("summary") or reasoning.get("generate_summary"),
        },
        "service_tier": "auto",
        "store": False,
        "text": {"format": _format(_object(fields.get("text")).get("format"))},
        "tool_choice": _choice(fields.get("tool_choice")),
        "tools": [said for tool in _list(fields.get("tools")) if (said := _tool(tool))],
        "truncation": "disabled",
    }


def _format(asked: object) -> dict[str, object]:
    given = _object(asked)
    if given.get("type") != "json_schema":
        return {"type": given.get("type") or "text"}
    named = {key: given[key] for key in OF_A_SCHEMA if given.get(key) is not None}
    return {"type": "json_schema", **named, "schema": given.get("schema") or {}}


def _choice(asked: object) -> object:
    if not isinstance(asked, dict):
        return asked or "auto"
    if asked.get("type") != "allowed_tools":
        return {"type": "web_search_preview"} if is_search(asked) else _named(asked)
    tools = [_named(_object(tool)) for tool in _list(asked.get("tools"))]
    return {"type": "allowed_tools", "mode": asked.get("mode"), "tools": tools}


def _tool(tool: object) -> dict[str, object]:
    declared = _object(tool)
    if is_search(tool):
        return _search(declared)
    if declared.get("type") != "function":
        return {}  # one of Anthropic's own, for which OpenAI has no words
    return {"type": "function", **{key: declared.get(key) for key in OF_A_FUNCTION}}


def _search(declared: Mapping[str, object]) -> dict[str, object]:
    said = {key: declared[key] for key in ("type", "search_context_size") if key in declared}
    if domains := _object(declared.get("filters")).get("allowed_domains"):
        said["filters"] = {"allowed_domains": domains}
    if place := _object(declared.get("user_location")):
        known = {key: place.get(key) for key in PLACES}
        said["user_location"] = {"type": "approximate", **known}
    return said


def _named(tool: Mapping[str, object]) -> dict[str, object]:
    return {key: tool[key] for key in ("type", "name") if key in tool}


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
