"""Where and why a value does not fit a schema, said briefly and within bounds."""

from __future__ import annotations

import pytest

from claude_gateway.schemas import LONGEST_REASON, Untold, mistake, schema_mistake


def test_a_mistake_says_where_and_why() -> None:
    schema = {"properties": {"a": {"items": {"properties": {"b": {"type": "integer"}}}}}}
    assert mistake({"a": [{"b": 1}]}, schema) is None
    assert mistake({"a": [{"b": 1}, {"b": "x"}]}, schema) == "a[1].b: 'x' is not of type 'integer'"


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("x" * 5000, {"type": "integer"}),
        ("x", {"enum": ["y" * 5000]}),
        ({"k" * 5000: 1}, {"additionalProperties": {"type": "string"}}),
    ],
)
def test_s11_a_mistake_does_not_repeat_what_is_long(
    value: object, schema: dict[str, object]
) -> None:
    said = mistake(value, schema)
    assert said is not None
    assert len(said) < 3 * LONGEST_REASON


def test_a_long_value_is_left_out_of_the_reason() -> None:
    assert mistake("x" * 5000, {"type": "integer"}) == "does not fit type: 'integer'"


def test_a_schema_that_is_none_says_why() -> None:
    assert schema_mistake({"type": "object"}) is None
    assert schema_mistake({"type": 5}) == "type: 5 is not valid under any of the given schemas"


def test_a_schema_may_be_nested_too_deeply_to_be_told() -> None:
    schema: dict[str, object] = {}
    for _ in range(5000):
        schema = {"not": schema}
    with pytest.raises(Untold):
        schema_mistake(schema)
    with pytest.raises(Untold):
        mistake(1, schema)
