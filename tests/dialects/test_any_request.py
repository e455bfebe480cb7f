"""Whatever JSON comes: it is translated into what upstream takes, or refused with the field named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_gateway import sse
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.openai.request import REPORTED, read, translate
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.responses.thoughts import packed
from claude_gateway.errors import InvalidRequest
from claude_gateway.models.table import shipped_models
from claude_gateway.types.models import ModelInfo

SAME_EVERY_TIME = settings(
    derandomize=True,
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
WORDS = st.sampled_from(
    ["", " ", "a", "b", "text", "auto", "none", "required", "function", "user", "low", "high"]
) | st.sampled_from(["{}", '{"a":1}', "json_schema", "image_url", "data:image/png;base64,AAAA"])
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(-9, 9)
    | WORDS
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
SOUND = st.sampled_from(
    [{"name": "look", "arguments": ""}, {"name": "list", "arguments": '{"n":1}'}]
)
IDS = st.sampled_from(["a", "b", "c", "functions.look:0", ""])


def objects(
    *, optional: bool = False, **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Objects in which any field may be missing, and now and then one holds something else."""
    partial = st.fixed_dictionaries({}, optional=fields)
    whole = partial if optional else st.fixed_dictionaries(fields)
    odd = st.builds(dict.__or__, whole, st.dictionaries(st.sampled_from(sorted(fields)), ANY))
    return st.sampled_from(range(100)).flatmap(lambda n: {98: partial, 99: odd}.get(n, whole))


FUNCTION = objects(
    name=st.sampled_from(["look", "list"]),
    arguments=st.sampled_from(["", "{}", '{"b": 1, "a": [1.0]}']),
)
PARTS = st.lists(
    objects(type=st.just("text"), text=WORDS, cache_control=st.just({"type": "ephemeral"}))
    | objects(
        type=st.just("image_url"),
        image_url=objects(url=st.sampled_from(["https://x.test/a", "data:image/png;base64,AAAA"])),
    )
    | objects(type=st.just("text"), text=st.just("Hi")),
    min_size=1,
    max_size=3,
)
REFUSALS = st.lists(objects(type=st.just("refusal"), refusal=WORDS), max_size=2)
MESSAGE = st.one_of(
    objects(role=st.just("user"), content=PARTS | st.just("Hi")),
    objects(role=st.sampled_from(["system", "developer"]), content=WORDS | st.just("Hi")),
    objects(role=st.just("assistant"), content=WORDS | REFUSALS | st.none()),
)


@st.composite
def rounds(draw: st.DrawFn, functions: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
    """A round of calls with all its results, in any order, and perhaps words in between."""
    ids = draw(st.lists(IDS, max_size=3, unique=True))
    calls = [{"id": id_, "type": "function", "function": draw(functions)} for id_ in ids]
    results = [
        {"role": "tool", "tool_call_id": id_, "content": draw(CONTENT_OF_TOOLS)} for id_ in ids
    ]
    between: list[dict[str, Any]] = draw(
        st.lists(st.just({"role": "user", "content": "And?"}), max_size=1)
    )
    said = {"role": "assistant", "content": draw(st.none() | WORDS), "tool_calls": calls}
    return [said, *draw(st.permutations([*results, *between]))]


CONTENT_OF_TOOLS = st.none() | WORDS | st.lists(st.just({"type": "text", "text": "x"}), max_size=2)
HISTORIES = st.lists(MESSAGE.map(lambda message: [message]) | rounds(FUNCTION), max_size=5).map(
    lambda pieces: [message for piece in pieces for message in piece]
)
TOOL = objects(
    type=st.just("function"),
    function=objects(
        name=st.sampled_from(["look", "list"]),
        parameters=st.just({"type": "object"}),
        strict=st.booleans(),
    ),
)
SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": ["object", "null"]}, {"enum": ["a"]}, {}]),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "items",
                    "anyOf",
                    "oneOf",
                    "$ref",
                    "$defs",
                    "minItems",
                    "format",
                    "minimum",
                ]
            ),
            ANY | inner | st.lists(inner, max_size=2),
            max_size=4,
        )
        | objects(type=st.just("object"), properties=st.dictionaries(WORDS, inner, max_size=2))
    ),
    max_leaves=6,
)
REQUEST = objects(
    optional=True,
    tools=st.lists(TOOL, max_size=2),
    tool_choice=st.sampled_from(["auto", "none", "required"]) | TOOL,
    max_tokens=st.integers(1, 10**6),
    stop=WORDS | st.lists(WORDS, max_size=4),
    temperature=st.floats(0, 2),
    reasoning_effort=st.sampled_from(["none", "minimal", "low", "high", "max"]),
    response_format=objects(
        type=st.just("json_schema"),
        json_schema=objects(name=st.just("a"), schema=SCHEMAS, strict=st.booleans()),
    ),
)
MODELS = st.sampled_from([*shipped_models(), ModelInfo("claude-next")])
KEYS = st.sampled_from(
    ["messages", "tools", "tool_choice", "stop", "user", "n", "stream", *sorted(REPORTED)]
)


@SAME_EVERY_TIME
@given(REQUEST, HISTORIES, MODELS)
def test_a_request_is_translated_or_refused_with_the_field(
    fields: dict[str, Any], messages: list[Any], model: ModelInfo
) -> None:
    check({"messages": messages, **fields}, model)


@SAME_EVERY_TIME
@given(st.dictionaries(KEYS | st.text(), ANY, max_size=5), MODELS)
def test_any_object_is_translated_or_refused_with_the_field(
    fields: dict[str, Any], model: ModelInfo
) -> None:
    check(fields, model)


@SAME_EVERY_TIME
@given(st.lists(rounds(SOUND), min_size=1, max_size=3), st.data())
def test_t01_missing_results_are_named_or_filled_in_where_that_is_wanted(
    history: list[list[Any]], data: st.DataObject
) -> None:
    hi = {"role": "user", "content": "Hi"}
    whole = [hi, *(message for round_ in history for message in round_), hi]
    results = [message for message in whole if message["role"] == "tool"]
    lost = data.draw(st.lists(st.sampled_from(results), max_size=3)) if results else []
    rest = [message for message in whole if not any(message is gone for gone in lost)]
    try:
        refusal = ""
        translate(read({"messages": rest}), ModelInfo("m"))
    except InvalidRequest as failure:
        refusal = failure.message
    assert bool(refusal) == bool(lost)
    assert not lost or any(repr(gone["tool_call_id"]) in refusal for gone in lost)
    params = translate(read({"messages": rest}, fill_in=True), ModelInfo("m")).params
    turns = orjson.loads(sse.compact(params["messages"]))
    check_turns(turns)
    errors = [
        b for turn in turns for b in of_kind(turn, "tool_result") if b.get("is_error") is True
    ]
    assert len(errors) == len({id(gone) for gone in lost})


@SAME_EVERY_TIME
@given(st.lists(rounds(SOUND), max_size=3), MODELS)
def test_calls_with_all_their_results_are_never_refused(
    history: list[list[Any]], model: ModelInfo
) -> None:
    said = [message for round_ in history for message in round_]
    hi = {"role": "user", "content": "Hi"}
    params = translate(read({"messages": [hi, *said, hi]}), model).params
    check_turns(orjson.loads(sse.compact(params["messages"])))


ITEM_PARTS = st.lists(
    objects(type=st.sampled_from(["input_text", "output_text"]), text=WORDS)
    | objects(type=st.just("input_image"), image_url=st.just("https://x.test/a"))
    | objects(type=st.just("input_text"), text=st.just("Hi")),
    min_size=1,
    max_size=3,
)
THOUGHTS: list[dict[str, object]] = [
    {"type": "thinking", "thinking": "", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "Em8K"},
]
KEPT = st.sampled_from([packed([thought]) for thought in THOUGHTS]) | WORDS
ITEM = st.one_of(
    objects(role=st.just("user"), content=ITEM_PARTS | st.just("Hi")),
    objects(type=st.just("message"), role=st.just("developer"), content=WORDS),
    objects(type=st.just("message"), role=st.just("assistant"), content=WORDS | ITEM_PARTS),
    objects(type=st.just("reasoning"), encrypted_content=KEPT),
)


@st.composite
def item_rounds(draw: st.DrawFn, functions: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
    """Calls and their results as items, with thinking before them."""
    ids = draw(st.lists(IDS, max_size=3, unique=True))
    calls = [{"type": "function_call", "call_id": id_, **draw(functions)} for id_ in ids]
    results = [
        {"type": "function_call_output", "call_id": id_, "output": draw(WORDS)} for id_ in ids
    ]
    thought = {"type": "reasoning", "encrypted_content": draw(KEPT)}
    return [thought, *calls, *draw(st.permutations(results))]


ITEMS = st.lists(ITEM.map(lambda item: [item]) | item_rounds(FUNCTION), max_size=5).map(
    lambda pieces: [item for piece in pieces for item in piece]
)
ITEM_REQUEST = objects(
    optional=True,
    instructions=WORDS,
    tools=st.lists(objects(type=st.just("function"), name=st.just("look")), max_size=1),
    tool_choice=st.sampled_from(["auto", "none", "required"]),
    reasoning=objects(optional=True, effort=WORDS, summary=st.sampled_from(["auto", "long"])),
    text=objects(optional=True, format=objects(type=st.just("json_object")), verbosity=WORDS),
    include=st.lists(st.just("reasoning.encrypted_content"), max_size=1),
)
ITEM_KEYS = st.sampled_from(["input", "include", "metadata", "text", *sorted(responses.REPORTED)])


@SAME_EVERY_TIME
@given(ITEM_REQUEST, ITEMS, MODELS)
def test_a_request_for_a_response_is_translated_or_refused_with_the_field(
    fields: dict[str, Any], items: list[Any], model: ModelInfo
) -> None:
    check({"input": items, **fields}, model, respond)


@SAME_EVERY_TIME
@given(st.dictionaries(ITEM_KEYS | KEYS | st.text(), ANY, max_size=5), MODELS)
def test_any_object_that_asks_for_a_response_is_translated_or_refused_with_the_field(
    fields: dict[str, Any], model: ModelInfo
) -> None:
    check(fields, model, respond)


@SAME_EVERY_TIME
@given(st.lists(item_rounds(SOUND), max_size=3), MODELS)
def test_items_of_calls_with_all_their_results_are_never_refused(
    history: list[list[Any]], model: ModelInfo
) -> None:
    items = [{"role": "user", "content": "Hi"}, *(item for round_ in history for item in round_)]
    check_turns(orjson.loads(sse.compact(respond({"input": items}, model).params["messages"])))


def chat(fields: dict[str, Any], model: ModelInfo) -> Translated:
    return translate(read(fields), model)


def respond(fields: dict[str, Any], model: ModelInfo) -> Translated:
    return responses.translate(responses.read(fields), model)


def check(
    fields: dict[str, Any],
    model: ModelInfo,
    translated: Callable[[dict[str, Any], ModelInfo], Translated] = chat,
) -> None:
    try:
        asked = translated(parse_object(orjson.dumps(fields)), model)
    except InvalidRequest as failure:
        refusal = failure
    else:
        check_params(asked, model)
        return
    assert refusal.param
    assert refusal.message.startswith(refusal.param)


def check_params(asked: Translated, model: ModelInfo) -> None:
    params = orjson.loads(sse.compact(asked.params))
    assert 1 <= params["max_tokens"] <= model.max_tokens
    assert list(asked.ignored) == sorted(set(asked.ignored))
    check_texts(params.get("system", []))
    check_turns(params["messages"])
    called = {b["name"] for turn in params["messages"] for b in of_kind(turn, "tool_use")}
    assert not called or params["tools"]


def check_turns(turns: list[dict[str, Any]]) -> None:
    """The rules of the Messages API: turns alternate, calls are answered at once and first."""
    assert turns
    pairs = list(pairwise(turns))
    assert all(one["role"] != other["role"] for one, other in pairs)
    assert not of_kind(turns[-1], "tool_use")
    for turn, following in [*pairs, (turns[-1], {"role": "assistant"})]:
        if turn["role"] == "system":
            assert following["role"] == "assistant"
    for before, turn in pairs:
        assert turn["role"] != "system" or before["role"] == "user"
    assert turns[0]["role"] != "system"
    for turn, following in pairs:
        ids = [block["id"] for block in of_kind(turn, "tool_use")]
        answered = [block["tool_use_id"] for block in of_kind(following, "tool_result")]
        assert ids == answered
        if ids:
            first = following["content"][: len(ids)]
            assert [block["type"] for block in first] == ["tool_result"] * len(ids)
    every = [block["id"] for turn in turns for block in of_kind(turn, "tool_use")]
    assert len(every) == len(set(every))
    for turn in turns:
        check_texts(turn["content"])
        thoughts = [t["type"] for t in THOUGHTS]
        assert isinstance(turn["content"], str) or turn["content"][-1]["type"] not in thoughts


def check_texts(content: Any) -> None:
    """No text is empty."""
    if isinstance(content, str):
        assert content.strip()
        return
    for block in content:
        if block["type"] == "text":
            assert block["text"].strip()
        elif block["type"] == "tool_result" and "content" in block:
            check_texts(block["content"])


def of_kind(turn: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    content = turn["content"]
    return [] if isinstance(content, str) else [b for b in content if b["type"] == kind]
