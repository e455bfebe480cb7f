"""The shape an answer must have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.lib._parse._transform import transform_schema

from claude_gateway.dialects.openai.formats import output_format
from claude_gateway.errors import InvalidRequest

PERSON: dict[str, Any] = {
    "type": "object",
    "title": "Person",
    "properties": {
        "name": {"type": "string", "description": "In full"},
        "age": {"type": "integer"},
        "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1},
        "boss": {"anyOf": [{"$ref": "#/$defs/boss"}, {"type": "null"}]},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
    "$defs": {
        "boss": {
            "type": "object",
            "properties": {"id": {"const": 1}},
            "additionalProperties": False,
        }
    },
}


def asked(schema: object, **more: object) -> tuple[Any, list[str]]:
    ignored: list[str] = []
    given = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, **more}}
    shape = output_format({"response_format": given}, ignored)
    assert shape is not None
    assert (shape.format is None) == bool(shape.words)
    assert shape.schema == (schema or {})
    return shape.format, ignored


def words(kind: str, **more: object) -> str:
    shape = output_format({"response_format": {"type": kind, **more}}, [])
    assert shape is not None
    return shape.words


def sent(schema: object) -> Any:
    found, ignored = asked(schema)
    assert ignored == []
    assert found["type"] == "json_schema"
    return found["schema"]


def test_a_schema_that_upstream_understands_is_sent_as_it_is() -> None:
    assert sent(PERSON) == PERSON
    assert transform_schema(PERSON) == PERSON  # Anthropic's own client agrees


@pytest.mark.parametrize("strict", [True, False, None])
def test_strict_or_not_the_schema_is_kept_to(strict: object) -> None:
    assert asked(PERSON, strict=strict, description="A person")[0]["schema"] == PERSON


def test_objects_are_closed_at_any_depth() -> None:
    thing = {
        "type": "object",
        "properties": {"a": {"type": ["object", "null"], "properties": {"b": {}}}},
    }
    found = sent({"$defs": {"t": thing}, "type": "array", "items": thing, "allOf": [thing]})
    closed = found["items"]
    assert closed["additionalProperties"] is False
    assert closed["properties"]["a"]["additionalProperties"] is False
    assert found["$defs"]["t"] == closed == found["allOf"][0]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, '{"minimum":1,"maximum":9}'),
        ({"type": "string", "maxLength": 5, "description": "A"}, 'A\n\n{"maxLength":5}'),
        ({"type": "string", "pattern": "^a", "format": "iban"}, '{"pattern":"^a","format":"iban"}'),
        ({"type": "array", "minItems": 3}, '{"minItems":3}'),
        ({"type": "array", "prefixItems": [{"type": "null"}]}, '{"prefixItems":[{"type":"null"}]}'),
        ({"type": "string", "format": []}, '{"format":[]}'),
        ({"anyOf": "odd", "$defs": 5}, '{"anyOf":"odd","$defs":5}'),
    ],
)
def test_what_upstream_does_not_understand_is_said_in_words(
    schema: dict[str, object], said: str
) -> None:
    found = sent(schema)
    assert found.pop("description") == said
    assert found == {key: schema[key] for key in ("type",) if key in schema}


def test_one_of_several_is_any_of_them() -> None:
    either = [{"type": "string"}, {"type": "null"}]
    assert sent({"oneOf": either}) == {"anyOf": either}


def test_beside_a_reference_stand_definitions_only() -> None:
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "null"}},
        "description": "A",
        "default": 1,
    }
    assert sent(schema) == {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}


def test_what_a_schema_says_of_itself_is_left_out() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x", "type": "null"}
    assert sent(schema) == {"type": "null"}


@pytest.mark.parametrize(
    "anything",
    [
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "null"}},
    ],
)
def test_objects_with_any_keys_cannot_be_promised(anything: object) -> None:
    for schema in (anything, {"type": "array", "items": anything}):
        assert asked(schema) == (None, ["response_format"])


@pytest.mark.parametrize("schema", [None, {}])
def test_json_of_any_shape_is_asked_for_in_words(schema: object) -> None:
    assert asked(schema) == (None, [])
    given = {"name": "a", "schema": schema}
    assert words("json_schema", json_schema=given).startswith("Answer with one JSON value and")


def test_a_json_object_is_asked_for_in_words() -> None:
    ignored: list[str] = []
    shape = output_format({"response_format": {"type": "json_object"}}, ignored)
    assert shape is not None
    assert (shape.schema, shape.format, ignored) == ({"type": "object"}, None, [])
    assert shape.words == (
        "Answer with one JSON object and nothing else: no words before or after it, "
        "and no code fence."
    )


TREE = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/tree", "$defs": {"tree": TREE}},
        {
            "$ref": "#/definitions/a",
            "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
        },
        {"$ref": "https://example.org/schema"},
        {"items": [{"$ref": "#/$defs/ghost"}]},
        {"$ref": 5},
    ],
)
def test_a_schema_that_refers_to_itself_or_elsewhere_is_given_in_words(schema: Any) -> None:
    assert asked(schema) == (None, ["response_format"])
    said = words("json_schema", json_schema={"name": "a", "schema": schema})
    assert said.endswith(json.dumps(schema, separators=(",", ":")))


def test_definitions_may_refer_to_each_other_one_way() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {}}}
    assert sent(schema) == schema


@pytest.mark.parametrize("plain", [None, {"type": "text"}])
def test_plain_text_needs_no_promise(plain: object) -> None:
    ignored: list[str] = []
    assert output_format({"response_format": plain}, ignored) is None
    assert ignored == []


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("json", "response_format"),
        ({}, "response_format.type"),
        ({"type": 5}, "response_format.type"),
        ({"type": "xml"}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": []}, "response_format.json_schema"),
        (
            {"type": "json_schema", "json_schema": {"schema": "x"}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_is_wrong_is_named(given: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        output_format({"response_format": given}, [])
    assert failure.value.param == param


def test_a_schema_that_is_too_deep_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(900):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest) as failure:
        asked(schema)
    assert failure.value.param == "response_format.json_schema.schema"
