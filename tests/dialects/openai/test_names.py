"""T-23: a tool's name that upstream would not take goes up as another, and comes back as itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.names import renamed, upstream_name
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.openai.request import read, translate
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.naming import LONGEST, TAKEN
from claude_gateway.types.events import BlockStart, MessageStart
from claude_gateway.types.models import ModelInfo

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=300)
ODD = ["a.b", "a/b", "a b", "a_b.", "größe", "ls\n", "x" * 129, "x" * 130, " ", "\ud83d"]
NAMES = st.text(min_size=1) | st.text("ab._-/x", min_size=1, max_size=4) | st.sampled_from(ODD)


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def called(name: str) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", **function(name)}]},
        {"role": "tool", "tool_call_id": "a", "content": "fine"},
    ]


def asked(history: list[dict[str, Any]], **fields: object) -> Translated:
    return translate(read({"messages": history, **fields}), ModelInfo("m"))


@pytest.mark.parametrize("name", ["a", "look_up", "get-it", "0", "a" * 128, "a-x12", "-x" * 3])
def test_t23_a_name_that_upstream_takes_stays(name: str) -> None:
    assert upstream_name(name) == name
    assert renamed([name]) == {}


def test_t23_a_name_keeps_what_can_be_kept_of_it() -> None:
    assert upstream_name("files.read/all now") == "files_read_all_now-x7a6355914b71465958ee"
    assert upstream_name("größe").startswith("gr_e-x")


@SAME_EVERY_TIME
@given(st.lists(NAMES, unique=True))
def test_t23_names_are_taken_upstream_and_none_is_another_ones(names: list[str]) -> None:
    names = list(dict.fromkeys([*names, *map(upstream_name, names)]))  # made ones are no exception
    sent = [upstream_name(name) for name in names]
    assert all(TAKEN.fullmatch(name) and len(name) <= LONGEST for name in sent)
    assert len(set(sent)) == len(names)
    back = renamed(names)
    assert [back.get(name, name) for name in sent] == names


@pytest.mark.parametrize("seed", ["1", "2"])
def test_t23_a_name_is_the_same_in_every_process(seed: str) -> None:
    code = "from claude_gateway.dialects.openai.names import upstream_name as u; print(u('a.b'))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
    )
    assert run.stdout.decode().strip() == upstream_name("a.b")


def test_t23_tools_history_and_choice_go_by_the_same_name() -> None:
    sent = upstream_name("fs.read")
    tools = [function("fs.read"), function("look")]
    found = asked(called("fs.read"), tools=tools, tool_choice=function("fs.read"))
    assert [tool["name"] for tool in found.params["tools"]] == [sent, "look"]  # type: ignore[attr-defined]
    assert found.params["tool_choice"] == {"type": "tool", "name": sent}
    assert found.tool_names == {sent: "fs.read"}
    messages = orjson.loads(orjson.dumps(found.params["messages"]))
    assert messages[1]["content"][0]["name"] == sent


def test_t23_a_choice_may_allow_tools_by_such_names() -> None:
    rule = {"mode": "required", "tools": [function("a.b")]}
    choice = {"type": "allowed_tools", "allowed_tools": rule}
    hi = called("x")[:1]
    found = asked(hi, tools=[function("a.b"), function("c.d")], tool_choice=choice)
    assert found.tool_names == {upstream_name("a.b"): "a.b"}


def test_t23_a_history_alone_names_its_tools_too() -> None:
    found = asked(called("fs.read"))
    [tool] = orjson.loads(orjson.dumps(found.params["tools"]))
    assert tool["name"] == upstream_name("fs.read")
    assert found.tool_names == {tool["name"]: "fs.read"}


def test_t23_answers_name_tools_as_the_client_does() -> None:
    sent = upstream_name("fs.read")
    blocks = [{"type": "tool_use", "id": str(i), "name": n} for i, n in enumerate((sent, "look"))]
    whole: Any = completion({"content": blocks}, 1, {sent: "fs.read"})
    calls = whole["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["fs.read", "look"]
    stream = ChatStream(1, "m", include_usage=False, tool_names={sent: "fs.read"})
    frames = stream.feed((MessageStart({}), *map(BlockStart, (0, 1), blocks)))
    assert b'"name":"fs.read"' in frames
    assert b'"name":"look"' in frames
    assert sent.encode() not in frames


def test_t23_an_answer_may_name_no_tool_at_all() -> None:
    whole: Any = completion({"content": [{"type": "tool_use"}]}, 1, {"None": "x"})
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] is None
