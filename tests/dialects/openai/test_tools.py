"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from claude_gateway.dialects.openai.toolbox import toolbox
from claude_gateway.dialects.openai.tools import allowed, choice, stand_ins, tools
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo

LOOK = [{"name": "look", "input_schema": {}}]


def function(name: object = "look", **more: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def refused(*offered: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        tools(offered)
    return failure.value


def test_a_function_is_a_tool() -> None:
    schema = {"type": "object", "properties": {"b": {}, "a": {}}, "required": ["b"]}
    asked = function(description="Looks.", parameters=schema, strict=True)
    wanted = {"name": "look", "description": "Looks.", "input_schema": schema, "strict": True}
    assert tools([asked]) == [wanted]


def test_tools_keep_their_order() -> None:
    assert [t["name"] for t in tools([function("z"), function("a")])] == ["z", "a"]


@pytest.mark.parametrize("parameters", [None, {}])
def test_a_function_may_take_nothing(parameters: object) -> None:
    empty = {"type": "object", "properties": {}}
    assert tools([function(parameters=parameters)]) == [{"name": "look", "input_schema": empty}]
    assert tools([function()]) == [{"name": "look", "input_schema": empty}]


def test_a_schema_without_a_type_is_an_objects() -> None:
    [tool] = tools([function(parameters={"properties": {"a": {}}})])
    assert tool["input_schema"] == {"type": "object", "properties": {"a": {}}}


def test_a_cache_breakpoint_is_kept() -> None:
    [tool] = tools([{**function(), "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    assert tool["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_what_the_client_leaves_out_is_not_sent() -> None:
    [tool] = tools([function(description="", strict=None)])
    assert tool.keys() == {"name", "input_schema"}


def test_a_tool_without_a_name_is_refused() -> None:
    assert refused(function("fine"), function("")).param == "tools[1].function.name"


@pytest.mark.parametrize("name", ["a.b", "a b", "é", "a" * 129, "a\n"])
def test_t23_any_other_name_is_taken(name: str) -> None:
    assert tools([function(name)])[0]["name"] == name


def test_two_tools_of_one_name_are_refused() -> None:
    error = refused(function("a"), function("b"), function("a"))
    assert (error.param, error.message) == (
        "tools[2].function.name",
        "tools[2].function.name is used twice: 'a'.",
    )


def test_a_schema_that_cannot_be_written_again_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(300):
        schema = {"items": schema}
    assert refused(function(parameters=schema)).param == "tools[0].function.parameters"


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ("look", "tools[0]"),
        ({}, "tools[0].type"),
        ({"type": "custom", "custom": {}}, "tools[0].type"),
        ({"type": "function"}, "tools[0].function"),
        ({"type": "function", "function": []}, "tools[0].function"),
        (function(5), "tools[0].function.name"),
        (function(None), "tools[0].function.name"),
        (function(description=5), "tools[0].function.description"),
        (function(parameters=[]), "tools[0].function.parameters"),
        (function(strict="yes"), "tools[0].function.strict"),
        ({**function(), "cache_control": "ephemeral"}, "tools[0].cache_control"),
    ],
)
def test_what_is_wrong_is_named(tool: object, param: str) -> None:
    assert refused(tool).param == param


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (None, {"type": "auto"}),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        (function("look"), {"type": "tool", "name": "look"}),
    ],
)
def test_a_choice_is_translated(asked: object, chosen: object) -> None:
    assert choice(asked, LOOK) == chosen


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ("any", "tool_choice"),
        (5, "tool_choice"),
        ([], "tool_choice"),
        (True, "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": "custom"}, "tool_choice.type"),
        ({"type": "function"}, "tool_choice.function"),
        ({"type": "function", "function": 5}, "tool_choice.function"),
        ({"type": "function", "function": {}}, "tool_choice.function.name"),
        (function("list"), "tool_choice.function.name"),
    ],
)
def test_a_choice_that_is_wrong_is_named(asked: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        choice(asked, LOOK)
    assert failure.value.param == param


@pytest.mark.parametrize("asked", ["required", function("look")])
def test_a_call_cannot_be_demanded_without_tools(asked: object) -> None:
    with pytest.raises(InvalidRequest) as failure:
        choice(asked, [])
    assert str(failure.value.param).startswith("tool_choice")


def test_of_past_tools_the_names_are_enough() -> None:
    anything = {"type": "object", "properties": {}}
    assert stand_ins(["b", "a"]) == [
        {"name": "b", "input_schema": anything},
        {"name": "a", "input_schema": anything},
    ]


def only(*entries: object, mode: object = "auto") -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(entries)}}


BOTH = tools([function("look"), function("list")])


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_choice_may_allow_some_tools_only(mode: str) -> None:
    assert allowed(BOTH, only(function("list"), mode=mode)) == (BOTH[1:], mode)
    assert allowed(BOTH, only(function("list"), function("look"), mode=mode)) == (BOTH, mode)


@pytest.mark.parametrize("asked", [None, "auto", 5, function("look")])
def test_any_other_choice_allows_all_tools(asked: object) -> None:
    assert allowed(BOTH, asked) == (BOTH, asked)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"type": "allowed_tools"}, ""),
        (only(mode="none"), ".mode"),
        (only(mode=5), ".mode"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}, ".tools"),
        (only("look"), ".tools[0]"),
        (only({"type": "mcp"}), ".tools[0].type"),
        (only(function("look"), function("ghost")), ".tools[1].function.name"),
    ],
)
def test_tools_that_are_allowed_wrongly_are_named(asked: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        allowed(BOTH, asked)
    assert failure.value.param == f"tool_choice.allowed_tools{param}"


@pytest.mark.parametrize(
    "own",
    [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 5, "x": {"n": [1.5]}},
        {"name": "bash", "type": "bash_20250124", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
        {"type": "moon_phase_20991231", "name": "moon_phase"},
    ],
    ids=lambda own: own["type"],
)
def test_anthropics_own_tools_pass_unchanged(own: dict[str, Any]) -> None:
    translated = tools([own, function()])
    assert tools([own], flat=True) == [own]
    assert translated[0] == own
    assert list(translated[0]) == list(own)
    assert translated[0] is not own  # breakpoints may be set in it


@pytest.mark.parametrize(
    "kind", ["web_search", "web_search_preview_2025_03_11", "custom", "x_20250305\n", 5, None]
)
def test_a_tool_of_another_kind_is_refused(kind: object) -> None:
    refusal = refused(function("a"), {"type": kind, "name": "look"})
    assert (refusal.param, refusal.code) == ("tools[1].type", "unsupported_value")
    assert "web_search_20250305" in refusal.message


def test_a_function_is_none_of_anthropics_own() -> None:
    assert refused({**function(), "type": "web_search_20250305"}).param == "tools[0].type"


@pytest.mark.parametrize("name", [None, "", 5])
def test_anthropics_own_tools_need_a_name(name: object) -> None:
    own = {"type": "computer_toolset_20260801", "name": name}
    assert refused(own).param == "tools[0].name"


def test_the_name_of_one_of_anthropics_own_is_used_once() -> None:
    own = {"type": "web_search_20250305", "name": "look"}
    assert refused(function(), own).param == "tools[1].name"
    assert refused(own, function()).param == "tools[1].function.name"


def test_one_of_anthropics_own_that_is_nested_too_deeply_is_refused() -> None:
    deep: object = []
    for _ in range(300):
        deep = [deep]
    own = {"type": "web_search_20250305", "name": "web_search", "x": deep}
    assert refused(own).param == "tools[0]"


def test_one_of_anthropics_own_can_be_chosen() -> None:
    offered = tools([{"type": "web_search_20250305", "name": "web_search"}])
    assert choice(function("web_search"), offered) == {"type": "tool", "name": "web_search"}


def test_a_strict_function_that_takes_nothing_takes_nothing_else() -> None:
    [tool] = tools([function(strict=True)])
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


CITY = {"type": "string", "minLength": 2}
OPEN = {"type": "object", "properties": {"city": CITY}, "required": ["city"]}
PROMISED = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": '{"minLength":2}'}},
    "required": ["city"],
    "additionalProperties": False,
}
ANY_KEYS = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "strict", "promises", "sent"),
    [
        (OPEN, True, True, {"input_schema": PROMISED, "strict": True}),
        (OPEN, True, False, {"input_schema": OPEN}),
        (ANY_KEYS, True, True, {"input_schema": ANY_KEYS}),
        (OPEN, False, True, {"input_schema": OPEN, "strict": False}),
        (OPEN, None, True, {"input_schema": OPEN}),
    ],
)
def test_strictness_is_asked_for_where_upstream_can_promise_it(
    schema: object, strict: object, promises: bool, sent: dict[str, object]
) -> None:
    model, ignored = ModelInfo("m", structured_outputs=promises), list[str]()
    offered = [function(parameters=schema, strict=strict), function("b", strict=strict)]
    box = toolbox({"tools": offered}, model, [], ignored)
    assert box.params["tools"][0] == {"name": "look", **sent}  # type: ignore[index]
    assert ignored == (["strict"] if strict and "strict" not in sent else [])
