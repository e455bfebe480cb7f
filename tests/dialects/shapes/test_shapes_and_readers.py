"""What a shape says of a body is what its reader does: it takes what fits, and refuses what does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from claude_gateway.dialects.envelope import envelope
from claude_gateway.dialects.fields import required
from claude_gateway.dialects.mcp.messages import Unreadable, read_message
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.resources import (
    budgets,
    keys,
    mcp,
    members,
    messages,
    projects,
    sessions,
    tools,
)
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.session_fields import session_fields
from claude_gateway.dialects.shapes import SHAPES
from claude_gateway.dialects.tool_fields import asked_tools
from claude_gateway.errors import InvalidRequest
from claude_gateway.spending.exceeding import exceeded
from claude_gateway.types.budgets import Budget, BudgetName, BudgetState
from claude_gateway.types.keys import Key, User
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.principals import Limits
from claude_gateway.types.resources import Project
from claude_gateway.types.sharing import Member
from claude_gateway.web.approvals import read_verdict
from tests.wire.hostile import LONG, much

pytestmark = pytest.mark.timeout(3_600 if LONG else 60)

Fields = Mapping[str, object]
FORMATS = FormatChecker(formats=())
MODEL = ModelInfo("m", thinking="adaptive")
A_BUDGET = BudgetName("project", "p", "month", "ada")
often = settings(  # HOSTILE_TESTS=long tries much more
    max_examples=much(60, 2_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@FORMATS.checks("date-time")
def is_to_come(value: object) -> bool:
    """Of times, those that are tried are either long to come or nothing that anybody reads."""
    return isinstance(value, str) and value.startswith("21")


def call(fields: Fields) -> None:
    mcp.read_call(fields)
    mcp.read_where(fields)


def user(fields: Fields) -> None:
    keys.read_user(fields)
    keys.read_user_limits(fields)


def user_changes(fields: Fields) -> None:
    keys.read_disabled(fields)
    keys.read_user_limits(fields)


def rpc(fields: Fields) -> None:
    read_message(json.dumps(fields).encode())


READERS: dict[str, Callable[[Fields], object]] = {
    "NewProject": projects.read,
    "ProjectChanges": projects.read_changes,
    "NewSession": sessions.read,
    "SessionChanges": sessions.read_changes,
    "Fork": sessions.read_fork,
    "NewMessage": messages.read,
    "ToolChoices": tools.read,
    "ToolCall": call,
    "ToolFanout": mcp.read_fanout,
    "Digest": lambda fields: required(fields, "digest", str),
    "Decision": read_verdict,
    "NewKey": keys.read,
    "KeyChanges": keys.read_changes,
    "Grace": keys.read_grace,
    "NewUser": user,
    "UserChanges": user_changes,
    "NewRole": members.read_role,
    "NewBudget": lambda fields: budgets.read(fields, A_BUDGET, 0.0),
    "RpcMessage": rpc,
}

PNG = "data:image/png;base64,iVBORw0KGgo="
lengths = st.sampled_from([1, 20, 100, 101, 128, 129, 200, 201, 255, 256, 2000, 2001, 4096, 4097])
texts = (
    st.sampled_from(
        [
            "",
            " ",
            "\n\t",
            "\x1c",
            "a",
            "ä b",
            "never",
            "90d",
            "0s",
            "99999w",
            "1x",
            "2199-01-01",
            "-",
        ]
    )
    | st.sampled_from(["user", "assistant", "system", "active", "ended", "ask", "always", "chat"])
    | st.sampled_from(["approve", "deny", "session", "cancel", "detach", "2.0", "tools/list", PNG])
    | st.sampled_from(["5/day", "0.5", "1000000/total", "1000001", "5/", "5 /day", "1e3", ".5"])
    | st.sampled_from(["~usr_1~p1", "~usr_1~any thing", "~~p1", "~usr_1~", "viewer", "owner"])
    | st.sampled_from(["https://a.example/b.png", "ftp://a", "data:,x", "owner-1", "-a", "a b"])
    | lengths.map(lambda length: "a" * length)
    | st.text(max_size=3)
)
numbers = (
    st.integers(-3, 60)
    | st.sampled_from([10**9, 10**9 + 1, 10**12, 10**12 + 1, -(10**12), -(10**12) - 1])
    | st.sampled_from([-0.5, 0.5, 1.5, 10.0**9 + 0.5])
    | st.sampled_from([0.0, 1e-13, 10**6, 10**6 + 1, 10.0**6, 10.0**6 + 0.5])
)
lists = st.sampled_from([0, 1, 16, 50, 51, 500, 501]).map(lambda length: ["a"] * length)
TYPES = ("text", "image_url", "file", "image", "document", "input_audio", "refusal")
PARTS = ("text", "image_url", "file", "source", "title", "context", "citations", "url", "filename")
leaves = st.none() | st.booleans() | numbers | texts | lists


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(
        (*PARTS, "file_id", "file_url", "file_data", "server", "tool", "arguments")
    )
    typed = st.fixed_dictionaries(
        {"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(PARTS, inner)
    )
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4) | typed


values = st.recursive(leaves, nested, max_leaves=6)


def fits(shape: Mapping[str, Any], value: object) -> bool:
    return Draft202012Validator(shape, format_checker=FORMATS).is_valid(value)


def accepts(read: Callable[[Fields], object], fields: Fields) -> bool:
    try:
        read(fields)
    except (InvalidRequest, Unreadable):
        return False
    return True


def good(shape: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that mostly fit: what is said beside the type is tried, and not promised."""
    if "const" in shape:
        return st.just(shape["const"])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "properties" not in shape and "anyOf" in shape:
        return st.one_of(*map(good, shape["anyOf"]))
    if "pattern" in shape:
        return st.from_regex(shape["pattern"]).map(lambda text: text.rstrip("\n"))
    kinds = shape.get("type", "object")
    return st.one_of(
        *(typed(kind, shape) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    )


def typed(kind: str, shape: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values of one type."""
    if kind == "array":
        return st.lists(good(shape["items"]), min_size=shape.get("minItems", 0), max_size=3)
    if kind == "object":
        return bodies(shape)
    plain = {
        "string": st.sampled_from(["a", "ab", "", "2199-01-01"]),
        "integer": st.sampled_from([shape.get("minimum", 0), shape.get("maximum", 1)]),
        "number": st.sampled_from([shape.get("minimum", 0), shape.get("maximum", 1)]),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return plain[kind]


def bodies(shape: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of which each field mostly fits, so that one alone decides."""
    fields = {name: good(field) for name, field in shape.get("properties", {}).items()}
    first = {name: fields.pop(name) for name in shape.get("required", ()) if name in fields}
    whole = st.fixed_dictionaries(first, optional=fields)
    names = st.sampled_from(sorted(shape.get("properties", {})) or ["a"])
    spoilt = st.tuples(whole, st.dictionaries(names, values, max_size=1)).map(
        lambda b: {**b[0], **b[1]}
    )
    return whole | spoilt | spoilt | st.fixed_dictionaries({}, optional={**first, **fields})


@pytest.mark.parametrize("name", READERS)
@often
@given(data=st.data())
def test_a_reader_takes_what_fits_its_shape_and_nothing_else(
    name: str, data: st.DataObject
) -> None:
    shape: Mapping[str, Any] = SHAPES[name]
    body = data.draw(bodies(shape))
    assert accepts(READERS[name], body) == fits(shape, body), body


@pytest.mark.parametrize("name", READERS)
def test_the_generator_finds_bodies_of_both_kinds(name: str) -> None:
    shape: Mapping[str, Any] = SHAPES[name]
    seen: set[bool] = set()

    @settings(often, database=None, derandomize=True)
    @given(bodies(shape))
    def look(body: dict[str, Any]) -> None:
        seen.add(fits(shape, body))

    look()
    assert seen == {True, False}


# --- what is written

KEY = Key("key_1", "k", "cg-1", 0.0, user="usr_1", projects=frozenset({"~usr_2~p"}))
BUDGET = Budget(A_BUDGET, Decimal(10), Decimal("0.8"), 0.0)
ENDLESS = Budget(BudgetName("key", "k", "total"), Decimal(1))
WRITTEN: list[tuple[str, Fields]] = [
    ("Key", keys.written(KEY)),
    ("Key", keys.written(replace(KEY, limits=Limits(1, 2, 3, Decimal(5), "day")))),
    ("Key", keys.written(replace(KEY, limits=Limits(budget=Decimal("2.5")), revoked_at=1.0))),
    ("User", keys.written_user(User("usr_1", "ada", 0.0))),
    ("User", keys.written_user(User("usr_1", "ada", 1.0, 2.0, Limits(1, 2, 3)))),
    ("Budget", budgets.written(BudgetState(BUDGET, "2027-12", Decimal(8)))),
    ("Budget", budgets.written(BudgetState(ENDLESS, "", Decimal(2), Decimal("0.5")))),
    ("Member", members.written(Member("usr_1", "editor", 0.0))),
]
PROJECT = Project("~ada~p", "ada", "P", 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "body"), WRITTEN, ids=[f"{name}-{at}" for at, (name, _) in enumerate(WRITTEN)]
)
def test_what_is_written_fits_its_shape_and_all_of_it_is_told(name: str, body: Fields) -> None:
    Draft202012Validator(SHAPES[name]).validate(json.loads(json.dumps(body)))
    shape: Mapping[str, Any] = SHAPES[name]
    assert body.keys() == shape["properties"].keys()


def test_the_error_of_a_budget_that_is_used_up_says_how_it_stands() -> None:
    whole = {"$ref": "#/components/schemas/Error", "components": {"schemas": SHAPES}}
    said = envelope(exceeded(BudgetState(BUDGET, "2027-12", Decimal(8)), Decimal(3)), "req_1")
    error = json.loads(json.dumps(said))
    Draft202012Validator(whole).validate(error)
    del error["error"]["details"]["budget"]["left"]
    assert not Draft202012Validator(whole).is_valid(error)


def test_only_a_project_that_is_shared_says_whose_it_is_and_with_which_role() -> None:
    shape: Mapping[str, Any] = SHAPES["Project"]
    own = projects.written(PROJECT)
    shared = projects.written(replace(PROJECT, role="editor"))
    assert own.keys() == {*shape["required"]}
    assert shared.keys() == shape["properties"].keys()
    for body in (own, shared):
        Draft202012Validator(shape).validate(json.loads(json.dumps(body)))


# --- requests for an answer

TURNS: Mapping[str, Fields] = {
    "ChatRequest": {"messages": [{"role": "user", "content": "Hello"}]},
    "ResponseRequest": {"input": "Hello"},
}
# What these hold must fit together, which is not for a schema to say; what is no array or object, say, is.
TOGETHER = {
    "messages",
    "input",
    "tools",
    "tool_choice",
    "response_format",
    "text",
    "store",
    "background",
    "conversation",
    "previous_response_id",
}


def read_chat(fields: Fields) -> None:
    session_fields(fields)
    asked_tools(fields)
    chat.translate(chat.read(fields), MODEL)


def read_response(fields: Fields) -> None:
    asked_tools(fields)
    responses.translate(responses.read(fields), MODEL)


TURN_READERS = {"ChatRequest": read_chat, "ResponseRequest": read_response}


@pytest.mark.parametrize("name", TURNS)
@often
@given(data=st.data())
def test_a_field_of_a_turn_is_refused_where_its_shape_refuses_it(
    name: str, data: st.DataObject
) -> None:
    shape: Mapping[str, Any] = SHAPES[name]
    known = [
        key for key, field in shape["properties"].items() if {"type", "anyOf", "const"} & {*field}
    ]
    key = data.draw(st.sampled_from(known))
    body = {**TURNS[name], key: data.draw(values | texts | numbers)}
    taken = accepts(TURN_READERS[name], body)
    if not fits(shape, body):
        assert not taken, body
    else:
        assume(key not in TOGETHER)
        assert taken, body
