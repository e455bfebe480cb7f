"""The shape an answer must have: `response_format` as a format of the Messages API.

Upstream knows a part of JSON Schema. What it does not know is said in the description instead, so
that the model may keep to it; a schema that would become another one is not sent at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from claude_gateway import sse
from claude_gateway.dialects.fields import optional, passed_on, required, wrong

KINDS = ("text", "json_object", "json_schema")

KEPT = frozenset({"$ref", "type", "title", "description", "enum", "const", "required"})
NAMED_SCHEMAS = frozenset({"properties", "$defs", "definitions"})
ALTERNATIVES: Mapping[str, str] = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
WITH_A_REFERENCE = frozenset({"$ref", "$defs", "definitions"})
OF_NO_USE = frozenset({"$schema", "$id", "$comment", "additionalProperties"})
FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)


class _Inexpressible(Exception):
    """The schema asks for objects with any keys, which upstream cannot promise."""


def output_format(fields: Mapping[str, object], ignored: list[str]) -> dict[str, object] | None:
    """Translate `response_format`; None when there is nothing to promise, or no way to."""
    asked = optional(fields, "response_format", dict)
    if asked is None:
        return None
    kind = required(asked, "type", str, "response_format.")
    if kind not in KINDS:
        wrong(
            "response_format.type", f"must be one of {', '.join(KINDS)}", code="unsupported_value"
        )
    if kind == "text":
        return None
    schema = None
    if kind == "json_schema":
        given = required(asked, "json_schema", dict, "response_format.")
        schema = passed_on(given, "schema", "response_format.json_schema.")
    try:
        if schema:
            return {"type": "json_schema", "schema": _schema(schema)}
    except _Inexpressible:
        pass
    ignored.append("response_format")
    return None


def _schema(schema: Mapping[str, object]) -> dict[str, object]:
    """Return what upstream understands of a schema, and the rest as words."""
    refers = "$ref" in schema  # then nothing but definitions may stand beside it
    kept: dict[str, object] = {}
    rest: dict[str, object] = {}
    for key, value in schema.items():
        if key in OF_NO_USE or (refers and key not in WITH_A_REFERENCE):
            continue
        name, translated = _keyword(key, value)
        (rest if name is None else kept)[name or key] = translated
    if not refers and _is_object(schema):
        kept["additionalProperties"] = False
    if rest:
        said = [str(kept["description"])] if kept.get("description") else []
        kept["description"] = "\n\n".join([*said, sse.compact(rest).decode()])
    return kept


def _keyword(key: str, value: object) -> tuple[str | None, object]:
    """Return the name under which a keyword is understood, if it is, and its value."""
    if key in NAMED_SCHEMAS and isinstance(value, dict):
        return key, {name: _inner(inner) for name, inner in value.items()}
    if key in ALTERNATIVES and isinstance(value, list):
        return ALTERNATIVES[key], [_inner(inner) for inner in value]
    if key == "items":
        return key, _inner(value)
    return (key if _understood(key, value) else None), value


def _inner(schema: object) -> object:
    return _schema(schema) if isinstance(schema, dict) else schema


def _understood(key: str, value: object) -> bool:
    if key == "format":
        return isinstance(value, str) and value in FORMATS
    return key in KEPT or (key == "minItems" and value in (0, 1))


def _is_object(schema: Mapping[str, object]) -> bool:
    """Whether a schema is an object's. Raises _Inexpressible when any keys may stand in it."""
    kind = schema.get("type")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        return False
    others = schema.get("additionalProperties")
    if isinstance(others, dict) or (others is not False and not schema.get("properties")):
        raise _Inexpressible
    return True
