"""Thinking that the client keeps comes back exactly as it went, or not at all."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway.dialects.responses.thoughts import MARK, packed, unpacked

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=200)
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
HIDDEN = {"type": "thinking", "thinking": "", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "Em8K"}
WORDS = st.text(min_size=1)
THOUGHTS = st.fixed_dictionaries(
    {"type": st.just("thinking"), "thinking": st.text(), "signature": WORDS},
    optional={"later": st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()},
) | st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": WORDS})


def pack(value: object) -> str:
    return MARK + base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@SAME_EVERY_TIME
@given(st.lists(THOUGHTS, min_size=1, max_size=3))
def test_t06_t07_thinking_comes_back_as_it_went(blocks: list[dict[str, Any]]) -> None:
    kept = packed(blocks)
    assert kept is not None
    back = unpacked(kept)
    assert back == blocks
    assert [list(block) for block in back] == [list(block) for block in blocks]


@SAME_EVERY_TIME
@given(
    st.text() | st.text().map(lambda text: MARK + text) | st.binary().map(lambda b: pack(b.hex()))
)
def test_what_is_not_ours_is_left_out(content: str) -> None:
    assert unpacked(content) == []


@SAME_EVERY_TIME
@given(st.integers(0, 200), st.characters())
def test_a_blob_with_a_wrong_character_is_thinking_or_nothing(at: int, wrong: str) -> None:
    kept = packed([THOUGHT])
    assert kept is not None
    at %= len(kept)
    for block in unpacked(kept[:at] + wrong + kept[at + 1 :]):
        assert block["type"] == "thinking"
        assert block["signature"]


@pytest.mark.parametrize("content", [None, 5, [], {}, "", "cgt2.W10=", pack([THOUGHT])[5:]])
def test_only_a_marked_string_is_read(content: object) -> None:
    assert unpacked(content) == []


WRONG: list[object] = [
    {"type": "thinking", "thinking": "Hm"},
    {"type": "thinking", "thinking": "Hm", "signature": ""},
    {"type": "thinking", "thinking": None, "signature": "c2ln"},
    {"type": "thinking", "signature": "c2ln"},
    {"type": "redacted_thinking"},
    {"type": "redacted_thinking", "data": ""},
    {"type": "text", "text": "I am no thought"},
    {"type": "tool_use", "id": "a", "name": "look", "input": {}},
    {**THOUGHT, "cache_control": {"type": "ephemeral"}},
    "thinking",
    None,
]


@pytest.mark.parametrize("block", WRONG)
def test_t09_t10_what_upstream_would_not_take_back_is_left_out(block: Any) -> None:
    assert unpacked(pack([THOUGHT, block])) == []
    if isinstance(block, dict):
        assert packed([block]) is None


@pytest.mark.parametrize("value", [THOUGHT, "x", 5, None])
def test_a_blob_that_holds_no_list_is_left_out(value: object) -> None:
    assert unpacked(pack(value)) == []


def test_nothing_is_not_packed() -> None:
    assert packed([]) is None
    assert unpacked(pack([])) == []


@pytest.mark.parametrize("block", [THOUGHT, HIDDEN, REDACTED])
def test_t06_thinking_that_is_hidden_is_kept_as_well(block: dict[str, object]) -> None:
    kept = packed([block])
    assert kept is not None
    assert unpacked(kept) == [block]
