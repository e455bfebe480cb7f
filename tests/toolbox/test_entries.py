"""One bad tool is kept apart with a reason, and spoils nothing."""

from __future__ import annotations

from typing import Any

import pytest

from claude_gateway import Tool
from claude_gateway.toolbox.entries import MOST_TOOLS, checked
from tests.toolbox.conftest import SCHEMA, tool


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return {"type": "object", **schema}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (None, "is no Tool but a NoneType"),
        (tool(""), "has no name"),
        (tool(5), "has no name"),  # type: ignore[arg-type]
        (tool("x" * 201), "has no name"),
        (tool("a\nb"), "that nobody can see"),
        (tool("a\u202eb"), "that nobody can see"),
        (Tool("a", None, SCHEMA), "no text"),  # type: ignore[arg-type]
        (Tool("a", "", SCHEMA, title=5), "no text"),  # type: ignore[arg-type]
        (Tool("a", "", []), "no object"),  # type: ignore[arg-type]
        (Tool("a", "", SCHEMA, annotations=[]), "no objects"),  # type: ignore[arg-type]
        (Tool("a", "", SCHEMA, approval="maybe"), "an approval that nobody"),  # type: ignore[arg-type]
        (tool(schema={"type": "string"}), "type is not object"),
        (tool(schema={"type": ["object", "null"]}), "type is not object"),
        (tool(schema={"type": "object", "properties": []}), "a schema that is none: properties"),
        (tool(schema={"type": "object", "items": [{}]}), "a schema that is none: items"),
        (tool(schema={"type": "object", "properties": {"a": {"type": "strange"}}}), "is none"),
        (tool(schema={"type": "object", "properties": {"a b": {}}}), "name no model takes: 'a b'"),
        (tool(schema={"type": "object", "x": object()}), "is not described in JSON"),
        (tool(schema={"type": "object", "description": "x" * 70_000}), "in more than 64 KB"),
        (tool(schema=deep(70)), "nested too deeply"),
        (tool(schema=deep(5000)), "is not described in JSON"),
        (tool("fine"), "has the name of another tool"),
    ],
)
def test_t23_a_bad_tool_is_kept_apart_with_its_reason(bad: object, why: str) -> None:
    entries, (apart,) = checked("s", [tool("fine"), bad, tool("also")])
    assert [entry.wire_name for entry in entries] == ["s__also", "s__fine"]
    assert why in apart.reason
    assert apart.name.isprintable()


def test_a_tool_whose_schema_asks_for_too_much_is_kept_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("claude_gateway.schemas.MOST_STEPS", 1)
    _, (apart,) = checked("s", [tool()])
    assert apart.reason == "has a schema that asks for too much"


def test_a_tool_without_a_type_in_its_schema_takes_an_object() -> None:
    (entry,), _ = checked("s", [tool(schema={})])
    assert entry.tool.input_schema == {"type": "object"}


def test_what_a_server_changes_later_changes_nothing_here() -> None:
    inner = {"type": "string"}
    (entry,), _ = checked("s", [tool(schema={"properties": {"a": inner}})])
    inner["type"] = "number"
    assert entry.tool.input_schema["properties"] == {"a": {"type": "string"}}


def test_s12_a_digest_changes_with_what_the_tool_says_of_itself() -> None:
    ways = [
        tool("a"),
        tool("b"),
        Tool("a", "Else.", SCHEMA),
        tool("a", {"type": "object", "properties": {}}),
    ]
    digests = {checked("s", [way])[0][0].digest for way in ways}
    assert len(digests) == len(ways)
    assert checked("s", [tool("a", title="T", annotations={"readOnlyHint": True})])[0][
        0
    ].digest in (digests)


def test_a_server_with_too_many_tools_has_the_rest_left_out() -> None:
    entries, (apart,) = checked("s", [tool(f"t{i}") for i in range(MOST_TOOLS + 5)])
    assert len(entries) == MOST_TOOLS
    assert (apart.name, apart.reason) == ("5 more", "are left out: 1000 are the most")


def test_the_approval_that_an_operator_wants_stays_with_a_tool() -> None:
    (entry,), _ = checked("s", [Tool("a", "", SCHEMA, approval="always")])
    assert entry.tool.approval == "always"
    (plain,), _ = checked("s", [Tool("a", "", SCHEMA)])
    assert (plain.tool.approval, plain.digest) == ("never", entry.digest)
