"""T-19: cache breakpoints are kept or set, never too many, and the next turn finds the last one's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from claude_gateway.dialects.openai.caching import keep_prefixes
from claude_gateway.dialects.openai.request import read, translate
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo

SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
TOOL = {"type": "function", "function": {"name": "look"}}
SYSTEM = {"role": "system", "content": "Rhyme."}
HI, YES = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}


def part(text: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": text, **more}


def user(*parts: dict[str, object], **more: object) -> dict[str, object]:
    return {"role": "user", "content": list(parts), **more}


def params(*messages: object, auto: bool = False, **fields: object) -> dict[str, Any]:
    asked = read({"messages": list(messages), **fields})
    model = ModelInfo("m", forced_tool_choice=False)
    written: dict[str, Any] = orjson.loads(
        orjson.dumps(translate(asked, model, auto_cache=auto).params)
    )
    return written


def marks(value: object) -> list[Any]:
    """What has a breakpoint, with its text or type, in upstream's order."""
    if isinstance(value, list):
        return [mark for item in value for mark in marks(item)]
    if not isinstance(value, dict):
        return []
    keys = [key for key in ("tools", "system", "messages", "content") if key in value]
    inner = [mark for key in keys for mark in marks(value[key])]
    named = value.get("text") or value.get("name") or value.get("type")
    return [*inner, (named, value["cache_control"])] if "cache_control" in value else inner


def test_t19_breakpoints_of_parts_tools_and_messages_are_kept() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look"}}
    found = params(
        {**SYSTEM, "cache_control": SHORT},
        user(part("a", cache_control=SHORT), part("b")),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "fine", "cache_control": SHORT},
        tools=[{**TOOL, "cache_control": LONG}],
    )
    assert marks(found) == [("look", LONG), ("Rhyme.", SHORT), ("a", SHORT), ("tool_result", SHORT)]


def test_t19_a_messages_breakpoint_is_where_the_message_ends() -> None:
    ending = {**YES, "cache_control": SHORT}
    found = params(user(part("a"), part("b"), cache_control=SHORT), ending, HI)
    assert marks(found) == [("b", SHORT), ("Yes", SHORT)]


@pytest.mark.parametrize(
    ("asked", "control"), [({}, SHORT), ({"ttl": "30m"}, LONG), ({"ttl": "12h"}, LONG)]
)
def test_t19_breakpoints_in_openais_words_are_translated(asked: object, control: object) -> None:
    assert marks(params(user(part("a", prompt_cache_breakpoint=asked)))) == [("a", control)]


def test_t19_breakpoints_live_as_long_as_the_request_says() -> None:
    marked = user(part("a", prompt_cache_breakpoint={"mode": "explicit"}))
    options = {"mode": "explicit", "ttl": "30m"}
    assert marks(params(marked, prompt_cache_options=options)) == [("a", LONG)]


@pytest.mark.parametrize(("retention", "control"), [("24h", LONG), ("in_memory", SHORT)])
def test_t19_the_older_field_says_how_long_they_live_and_sets_none(
    retention: str, control: object
) -> None:
    marked = user(part("a", prompt_cache_breakpoint={}))
    assert marks(params(marked, prompt_cache_retention=retention)) == [("a", control)]
    assert marks(params(HI, prompt_cache_retention=retention)) == []


def test_t19_short_lived_entries_never_come_before_long_lived_ones() -> None:
    found = params(user(*(part(n, cache_control=c) for n, c in zip("abc", (SHORT, LONG, SHORT)))))  # noqa: B905
    assert marks(found) == [("a", LONG), ("b", LONG), ("c", SHORT)]


def test_t19_there_are_never_more_than_four_and_the_last_ones_count() -> None:
    parts = [part(name, cache_control=SHORT) for name in "abcd"]
    found = params({**SYSTEM, "cache_control": SHORT}, user(*parts), tools=[TOOL])
    assert marks(found) == [(name, SHORT) for name in "abcd"]
    assert [mark[0] for mark in marks(params(user(*parts, part("e", cache_control=SHORT))))] == [
        *"bcde"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"auto": True},
        {"prompt_cache_key": "k"},
        {"prompt_cache_options": {"mode": "implicit"}},
    ],
)
def test_t19_they_are_set_for_whoever_asks(fields: dict[str, Any]) -> None:
    found = params(SYSTEM, HI, YES, user(part("a")), YES, user(part("b")), tools=[TOOL], **fields)
    assert marks(found) == [(name, SHORT) for name in ("look", "Rhyme.", "a", "b")]


@pytest.mark.parametrize(
    "fields",
    [{}, {"auto": True, "prompt_cache_options": {"mode": "explicit"}}, {"prompt_cache_key": ""}],
)
def test_t19_nobody_else_gets_them(fields: dict[str, Any]) -> None:
    assert marks(params(SYSTEM, HI, tools=[TOOL], **fields)) == []


def test_t19_a_client_that_sets_its_own_is_left_alone() -> None:
    found = params(SYSTEM, user(part("a", cache_control=SHORT)), HI, tools=[TOOL], auto=True)
    assert marks(found) == [("a", SHORT)]


def test_t10_thoughts_are_never_marked() -> None:
    thought = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
    asked: dict[str, Any] = {
        "messages": [user(part("a"), dict(thought)), user({"type": "redacted_thinking"})]
    }
    keep_prefixes(asked, {}, auto=True)
    assert marks(asked) == [("a", SHORT)]


def test_t19_blocks_that_are_used_again_stay_as_they_are() -> None:
    said, tool = part("Hi"), {"name": "look", "input_schema": {}}
    client = part("a", cache_control=SHORT)

    def asked(*last: dict[str, object]) -> dict[str, Any]:
        turns = [user(said), {"role": "assistant", "content": [part("Yes")]}, user(*last)]
        return {"tools": [tool], "messages": turns}

    first, second, marked = asked(part("So?")), asked(part("So?")), asked(*[client] * 5)
    for request in (first, second, marked):
        keep_prefixes(request, {"prompt_cache_retention": "24h"}, auto=True)
    assert first == second
    assert marks(first) == [("look", LONG), ("Hi", LONG), ("So?", LONG)]
    assert marks(marked) == [("a", LONG)] * 4
    assert (said, client) == (part("Hi"), part("a", cache_control=SHORT))
    assert "cache_control" not in tool


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_t19_the_second_turn_finds_what_the_first_one_left(choice: str) -> None:
    common: dict[str, Any] = {"tools": [TOOL], "auto": True, "tool_choice": choice}
    history = [SYSTEM, HI, YES] * 20
    first = params(*history, user(part("a")), **common)
    second = params(*history, user(part("a")), YES, user(part("b")), **common)
    kept = until_last_mark(first)
    assert until_last_mark(second).startswith(kept)
    assert len(kept) > 20 * len(b'{"role":"user"}')


def until_last_mark(asked: dict[str, Any]) -> bytes:
    """What upstream reads up to the last breakpoint, in its order; marks of others left out."""
    order = [asked["tools"], asked["system"]]
    blocks = [
        [turn["role"], block]
        for turn in asked["messages"]
        for block in (
            [part(turn["content"])] if isinstance(turn["content"], str) else turn["content"]
        )
    ]
    last = max(i for i, (_, block) in enumerate(blocks) if "cache_control" in block)
    for _, block in blocks:
        block.pop("cache_control", None)
    return orjson.dumps([*order, *blocks[: last + 1]])[:-1]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt_cache_key": 5}, "prompt_cache_key"),
        ({"prompt_cache_retention": "7d"}, "prompt_cache_retention"),
        ({"prompt_cache_options": 5}, "prompt_cache_options"),
        ({"prompt_cache_options": {"mode": "odd"}}, "prompt_cache_options.mode"),
        ({"prompt_cache_options": {"ttl": 5}}, "prompt_cache_options.ttl"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        params(HI, **fields)
    assert failure.value.param == param
