"""The shape an answer must have: `response_format` as a format of the Messages API.

Upstream knows a part of JSON Schema. What it does not know is said in the description instead, so
that the model may keep to it; a schema that would become another one, or refers to itself, is given
to the model in words. Whether the answer fits is then for `fitting` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

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


ONLY = "and nothing else: no words before or after it, and no code fence."
ANY_OBJECT: Mapping[str, object] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the answer must fit; and `format`, which upstream keeps to, or words for the model.

    `name` is the parameter that asks for it.
    """

    schema: Mapping[str, object]
    format: Mapping[str, object] | None = None
    words: str = ""
    name: str = ""


class _Inexpressible(Exception):
    """The schema asks for what upstream cannot promise: any keys, or itself inside itself."""


def output_format(fields: Mapping[str, object], ignored: list[str]) -> Shape | None:
    """Translate `response_format`; None when any text will do."""
    asked = optional(fields, "response_format", dict)
    if asked is None:
        return None
    if format_kind(asked, "response_format") != "json_schema":
        return loose(asked)
    given = required(asked, "json_schema", dict, "response_format.")
    return fitting(given, "response_format.json_schema", ignored, "response_format")


def format_kind(asked: Mapping[str, object], path: str) -> str:
    """Return the type of a format, which must be one of those that there are."""
    found = required(asked, "type", str, f"{path}.")
    if found not in KINDS:
        wrong(f"{path}.type", f"must be one of {', '.join(KINDS)}", code="unsupported_value")
    return found


def loose(asked: Mapping[str, object]) -> Shape | None:
    """Return the shape of a format without a schema."""
    if asked.get("type") == "text":
        return None
    return Shape(ANY_OBJECT, words=f"Answer with one JSON object {ONLY}")


def fitting(given: Mapping[str, object], path: str, ignored: list[str], name: str) -> Shape:
    """Return the shape that the `schema` in `given` describes.

    When upstream cannot promise it, the parameter `name` is `ignored` and the model asked in words.
    """
    schema = passed_on(given, "schema", f"{path}.")
    if not schema:
        return Shape({}, words=f"Answer with one JSON value {ONLY}")
    shape = Shape(schema, name=name)
    if (kept := promised(schema)) is None:
        return in_words(shape, ignored)
    return replace(shape, format={"type": "json_schema", "schema": kept})


def in_words(shape: Shape, ignored: list[str]) -> Shape:
    """Ask the model for a shape that upstream does not promise; its parameter is `ignored`."""
    ignored.append(shape.name)
    written = sse.compact(shape.schema).decode()
    words = f"Answer with JSON that fits this JSON Schema {ONLY}\n\n{written}"
    return replace(shape, format=None, words=words)


def promised(schema: Mapping[str, object]) -> dict[str, object] | None:
    """Return the schema as upstream can promise to keep to it; None when it cannot."""
    try:
        _check_references(schema)
        return _schema(schema)
    except _Inexpressible:
        return None


def _check_references(schema: Mapping[str, object]) -> None:
    """Refuse a schema that refers to itself, or to anything but its own definitions."""
    graph: dict[str, set[str]] = {}
    for key in ("$defs", "definitions"):
        definitions = schema.get(key)
        for name, definition in definitions.items() if isinstance(definitions, dict) else ():
            graph[f"#/{key}/{name}"] = set(_references(definition))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        raise _Inexpressible from None
    if not graph.keys() >= set(_references(schema)):
        raise _Inexpressible


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield str(value["$ref"])
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


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
