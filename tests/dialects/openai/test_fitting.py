"""Whether an answer fits, and that no schema keeps the gateway busy."""

from __future__ import annotations

from typing import Any

import pytest

from claude_gateway.dialects.openai.fitting import fits

TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "next": {"$ref": "#"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("text", ['{"n":1}', ' {"n":1,"next":{"n":2}}\n', '{"n":1.0}'])
def test_an_answer_that_fits_does(text: str) -> None:
    assert fits(text, TREE) == "true"


@pytest.mark.parametrize(
    "text",
    ["", "Sure!", '```json\n{"n":1}\n```', '{"n":1', '{"n":0}', '{"n":1,"next":{}}', "[]", "NaN"],
)
def test_an_answer_that_does_not_fit_is_told(text: str) -> None:
    assert fits(text, TREE) == "false"


def test_a_schema_may_say_which_draft_it_is() -> None:
    schema = {"$schema": DRAFT, **TREE}
    assert (fits('{"n":1}', schema), fits('{"n":0}', schema)) == ("true", "false")


def test_any_json_fits_no_schema() -> None:
    assert (fits("5", {}), fits("five", {})) == ("true", "false")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(a+)+$"},
        {"items": {"pattern": "(a+)+$"}},
        {"patternProperties": {"(a+)+$": {"type": "null"}}, "additionalProperties": False},
    ],
)
@pytest.mark.timeout(5)
def test_patterns_are_not_tried_for_they_may_take_for_ever(schema: dict[str, Any]) -> None:
    text = {"string": f'"{"a" * 60}!"'}.get(schema.get("type", ""), f'{{"{"a" * 60}!":1}}')
    assert fits(text, schema) == "unknown"


def test_a_property_may_be_called_pattern() -> None:
    schema = {"properties": {"pattern": {"type": "string"}}, "enum": [{"pattern": "a"}]}
    assert (fits('{"pattern":"a"}', schema), fits('{"pattern":5}', schema)) == ("true", "false")


DRAFT = "https://json-schema.org/draft/2020-12/schema"


def doubling(depth: int, **more: object) -> dict[str, Any]:
    """A small schema that takes 2 ** depth steps."""
    steps = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2, **more} for i in range(depth)}
    return {"$defs": {**steps, f"a{depth}": {}}, "$ref": "#/$defs/a0"}


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("1", {"$ref": "#"}),
        ("1", doubling(40)),
        ("1", doubling(40, **{"$schema": DRAFT})),
        ("1", doubling(40, **{"$schema": "http://json-schema.org/draft-07/schema#"})),
        ("1", {"$ref": "https://example.org/schema"}),
        ("1", {"$ref": "#/$defs/ghost"}),
        ("1", {"$id": "http://[", "$ref": "x"}),
        ("1", {"type": "strange"}),
        (str([{}] * 900), {"uniqueItems": True}),
    ],
)
@pytest.mark.timeout(20)
def test_what_cannot_be_told_is_unknown(text: str, schema: dict[str, Any]) -> None:
    assert fits(text, schema) == "unknown"
