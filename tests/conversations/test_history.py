"""A stored conversation, as it goes upstream again."""

from __future__ import annotations

import json

from claude_gateway import sse
from claude_gateway.conversations.history import UNANSWERED, sent, turns
from claude_gateway.types.resources import Message

THINKING = {"type": "thinking", "thinking": "", "signature": "sig=="}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "x"}}


def message(number: int, role: str, content: object, **metadata: object) -> Message:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Message(f"m{number}", role, raw, 0.0, number=number, metadata=metadata)


def test_t06_thinking_without_text_goes_back_with_its_signature() -> None:
    told = turns(
        [
            message(1, "user", "Hi"),
            message(2, "assistant", [THINKING, {"type": "text", "text": "Yes"}]),
        ]
    )
    assert sent(told)[1]["content"] == [THINKING, {"type": "text", "text": "Yes"}]


def test_t07_numbers_and_key_order_of_calls_come_out_as_they_went_in() -> None:
    block = rb'{"type":"tool_use","id":"t","name":"n","input":{"z":1.10,"a":12345678901234567890123,"m":-0.0,"e":1e5}}'
    told = turns([message(1, "user", "Hi"), message(2, "assistant", b"[" + block + b"]")])
    assert block in sse.compact(sent(told))


def test_t14_text_that_is_empty_is_not_sent_back() -> None:
    empty = [{"type": "text", "text": " "}]
    told = turns(
        [message(1, "user", "Hi"), message(2, "assistant", empty), message(3, "user", "Hello?")]
    )
    assert sent(told) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Hello?"}],
        }
    ]


def test_t08_thinking_before_a_change_is_left_out_and_after_it_kept() -> None:
    told = turns(
        [
            message(1, "user", "a"),
            message(2, "assistant", [THINKING, {"type": "text", "text": "b"}]),
            message(3, "user", "c"),
            message(4, "assistant", [THINKING, {"type": "text", "text": "d"}]),
        ],
        thinking_after=2,
    )
    messages = sent(told)
    assert messages[1]["content"] == "b"
    assert messages[3]["content"] == [THINKING, {"type": "text", "text": "d"}]


def test_t01_a_call_that_was_never_answered_gets_a_result_that_says_so() -> None:
    told = turns(
        [message(1, "user", "a"), message(2, "assistant", [CALL]), message(3, "user", "never mind")]
    )
    assert sent(told)[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": UNANSWERED, "is_error": True},
        {"type": "text", "text": "never mind"},
    ]


def test_t01_results_stand_first_in_the_order_of_the_calls() -> None:
    calls = [{**CALL, "id": name} for name in ("one", "two")]
    results = [
        {"type": "tool_result", "tool_use_id": name, "content": name} for name in ("two", "one")
    ]
    told = turns(
        [
            message(1, "user", "a"),
            message(2, "assistant", calls),
            message(3, "user", [{"type": "text", "text": "and"}, *results]),
        ]
    )
    content = sent(told)[2]["content"]
    assert isinstance(content, list)
    assert [block.get("tool_use_id") for block in content] == ["one", "two", None]


def test_a_call_cut_short_and_a_result_without_call_are_left_out() -> None:
    cut = {**CALL, "input": '{"at": "x'}
    stray = {"type": "tool_result", "tool_use_id": "gone", "content": "?"}
    told = turns(
        [
            message(1, "user", "a"),
            message(2, "assistant", [{"type": "text", "text": "b"}, cut]),
            message(3, "user", [stray, {"type": "text", "text": "c"}]),
        ]
    )
    assert [m["content"] for m in sent(told)] == ["a", "b", "c"]


def test_a_model_that_does_not_let_the_system_speak_reads_it_from_the_user() -> None:
    told = turns(
        [message(1, "user", "a"), message(2, "system", [{"type": "text", "text": "Be brief."}])]
    )
    assert sent(told)[1] == {"role": "system", "content": "Be brief."}
    assert sent(told, system_messages=False) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "Be brief."}],
        }
    ]
