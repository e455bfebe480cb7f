"""Fields of one entry of the configuration, each taken out as what it must be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import cast, get_args

from claude_gateway import Approval
from claude_gateway_mcp.mistakes import Mistake

KNOWN = (
    *("command", "args", "env", "cwd"),
    *("url", "type", "transport", "headers"),
    *("disabled", "enabled", "description", "timeout"),
    *("allowedTools", "deniedTools", "approval", "toolApproval", "autoApprove", "alwaysAllow"),
)
TOO_LONG = 3600.0  # seconds

Fields = Mapping[str, object]


def check_names(entry: Fields) -> None:
    """Raise Mistake for a field that is nearly one that we know: it would silently do nothing."""
    for name in entry:
        near = get_close_matches(name, KNOWN, 1, 0.8)
        if name not in KNOWN and near:
            raise Mistake(name, f"is no field; did you mean {near[0]}?")


def text(entry: Fields, field: str) -> str:
    """Return a text; "" where there is none."""
    value = entry.get(field, "")
    if not isinstance(value, str):
        raise Mistake(field, f"wants a text, not {_kind(value)}")
    if "\0" in value:
        raise Mistake(field, "has a NUL byte")
    return value


def texts(entry: Fields, field: str) -> tuple[str, ...] | None:
    """Return a list of texts; None where there is none."""
    value = entry.get(field)
    if value is None:
        return None
    if not isinstance(value, list):
        raise Mistake(field, f"wants a list of texts, not {_kind(value)}")
    return tuple(text({f"{field}[{i}]": one}, f"{field}[{i}]") for i, one in enumerate(value))


def pairs(entry: Fields, field: str) -> dict[str, str]:
    """Return an object whose values are texts; numbers and truth values are taken as such."""
    value = entry.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Mistake(field, f"wants an object of texts, not {_kind(value)}")
    plain = {
        k: v if isinstance(v, str | list | dict) or v is None else json.dumps(v)
        for k, v in value.items()
    }
    return {name: text({f"{field}.{name}": v}, f"{field}.{name}") for name, v in plain.items()}


def flag(entry: Fields, field: str, *, otherwise: bool) -> bool:
    """Return true or false."""
    value = entry.get(field, otherwise)
    if not isinstance(value, bool):
        raise Mistake(field, f"wants true or false, not {_kind(value)}")
    return value


def seconds(entry: Fields, field: str) -> float | None:
    """Return a duration in seconds; None where there is none."""
    value = entry.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= TOO_LONG:
        raise Mistake(field, f"wants seconds, more than 0 and at most {TOO_LONG:g}")
    return float(value)


def approval(value: object, field: str) -> Approval:
    """Return one of the three words."""
    if value not in get_args(Approval):
        raise Mistake(field, f"wants one of {', '.join(get_args(Approval))}")
    return cast("Approval", value)


def approvals(entry: Fields, field: str) -> dict[str, Approval]:
    """Return the word for each tool that is named."""
    value = entry.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Mistake(field, f'wants an object such as {{"delete_*": "ask"}}, not {_kind(value)}')
    return {name: approval(word, f"{field}.{name}") for name, word in value.items()}


def _kind(value: object) -> str:
    """Say what kind of JSON a value is, and never the value: it may be a secret."""
    kinds = {bool: "true or false", dict: "an object", list: "a list", str: "a text"}
    kinds |= {int: "a number", float: "a number", type(None): "null"}
    return kinds.get(type(value), "something else")
