"""Answers as the app reads them: what must be there is there, of the type that it must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from claude_gateway_ios.spelling import both

Json: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = Callable[[Json], object]


def project(value: Json) -> dict[str, object]:
    """A project; its description is a string, whatever happens."""
    return both({**value, "description": value.get("description") or ""})


def session(value: Json) -> dict[str, object]:
    """A session."""
    said = {
        **value,
        "session_id": value["id"],
        "project_id": value.get("project_id") or "default",
        "model": value.get("model") or "",
        "name": value.get("title"),
    }
    return both(said)


def session_counts(value: Json) -> dict[str, object]:
    """What one session has used."""
    names = ("status", "is_active", "total_tokens", "total_cost", "message_count")
    return both({"session_id": value["id"], **{name: value.get(name) for name in names}})


def stats(value: Json) -> dict[str, object]:
    """The four figures of all sessions, and what else there is; a cost nobody knows is 0."""
    return both({**value, "total_cost": value.get("total_cost") or 0.0})


def status(value: Json) -> dict[str, object]:
    """How a session's turn is doing."""
    return both(value)


def capabilities(value: Json) -> dict[str, object]:
    """Models; the list stands under either name."""
    models = [capability(model) for model in value["models"]]
    return {**both(value), "models": models, "data": models}


def capability(value: Json) -> dict[str, object]:
    """What a model can do."""
    said = {
        **value,
        "name": value.get("name") or value["id"],
        "description": value.get("description") or "",
        "max_tokens": value.get("max_tokens") or 0,
    }
    return both(said)


def messages(value: Json) -> dict[str, object]:
    """A session's messages."""
    found = [
        {**message, "message_metadata": message.get("message_metadata") or {}}
        for message in value["messages"]
    ]
    return {**both(value), "messages": found}


def executions(value: Json) -> dict[str, object]:
    """What became of the calls of tools; what goes in and comes out is an object each."""
    found = [
        {**one, "input_params": an_object(one["input_params"]), "output": an_object(one["output"])}
        for one in value["executions"]
    ]
    return {**both(value), "executions": found}


def chosen(value: Json) -> dict[str, object]:
    """Which tools a session may use, as what is said after choosing them."""
    tools = value.get("enabled_tools") or []
    words = "1 tool is" if len(tools) == 1 else f"{len(tools)} tools are"
    said = {**value, "enabled_tools": tools, "enabled_servers": value.get("enabled_servers") or []}
    return {"ok": True, **both(said), "message": f"{words} chosen for this session."}


def deleted(value: Json) -> dict[str, object]:
    """Something that is gone."""
    return both({**value, "session_id": value.get("id")})


def an_object(value: object) -> object:
    """Return an object; anything else but null stands in one."""
    return value if value is None or isinstance(value, dict) else {"value": value}


def bare(name: str, shape: Shape) -> Shape:
    """Return the shape of a list that is an array by itself."""
    return lambda value: [shape(item) for item in value[name]]


def enveloped(name: str, shape: Shape) -> Shape:
    """Return the shape of a list that stands in an object."""
    return lambda value: {**value, name: [shape(item) for item in value[name]]}
