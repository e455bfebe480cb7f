"""A whole answer as a completion."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from claude_gateway.dialects.openai.completion import completion

USED = {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 7}


def answered(*content: object, **more: object) -> dict[str, Any]:
    message = {"id": "msg_1", "model": "claude-x", "content": list(content), "usage": USED, **more}
    answer: dict[str, Any] = completion({"stop_reason": "end_turn", **message}, 1_700_000_000)
    ChatCompletion.model_validate(answer, strict=True)
    return answer


def said(*content: object, **more: object) -> dict[str, Any]:
    message: dict[str, Any] = answered(*content, **more)["choices"][0]["message"]
    return message


def text(value: object) -> dict[str, object]:
    return {"type": "text", "text": value}


def tool(**more: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}, **more}


def test_a_text_is_a_completion() -> None:
    assert answered(text("Hel"), text("lo")) == {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "claude-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 103,
            "completion_tokens": 7,
            "total_tokens": 110,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_a_tool_call_has_no_content() -> None:
    message = said(tool(input={"city": "Chur", "n": 2**70}), stop_reason="tool_use")
    assert message["content"] is None
    arguments = '{"city":"Chur","n":1180591620717411303424}'
    function = {"name": "look", "arguments": arguments}
    assert message["tool_calls"] == [{"id": "toolu_1", "type": "function", "function": function}]


def test_text_and_calls_stand_side_by_side() -> None:
    answer = answered(text("Look:"), tool(), tool(id="toolu_2"), stop_reason="tool_use")
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "Look:"
    assert [c["id"] for c in choice["message"]["tool_calls"]] == ["toolu_1", "toolu_2"]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("given", [{}, None])
def test_t12_a_call_without_input_has_an_empty_object(given: object) -> None:
    [called] = said(tool(input=given))["tool_calls"]
    assert called["function"]["arguments"] == "{}"


def test_an_input_that_was_cut_is_shown_as_it_is() -> None:
    [called] = said(tool(input='{"city":"Ch'), stop_reason="max_tokens")["tool_calls"]
    assert called["function"]["arguments"] == '{"city":"Ch'


@pytest.mark.parametrize("content", [[], None, "odd", ["odd"], [text(None)], [text("")]])
def test_no_content_is_an_empty_string(content: object) -> None:
    assert said(content=content)["content"] == ""


def test_thinking_is_reasoning_content() -> None:
    hidden = {"type": "redacted_thinking", "data": "x"}
    thoughts = [{"type": "thinking", "thinking": part, "signature": "s"} for part in ("a", "", "b")]
    message = said(*thoughts, hidden, text("Yes"))
    assert (message["reasoning_content"], message["content"]) == ("ab", "Yes")


def test_thinking_that_is_not_shown_is_not_mentioned() -> None:
    message = said({"type": "thinking", "thinking": "", "signature": "s"}, text("Yes"))
    assert "reasoning_content" not in message


def test_unknown_blocks_are_passed_over() -> None:
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}
    assert said({"type": "hologram"}, search, text("Yes")) == {
        "role": "assistant",
        "content": "Yes",
        "refusal": None,
    }


def test_a_refusal_says_why() -> None:
    details = {"category": "cyber", "explanation": "It is dangerous."}
    answer = answered(stop_reason="refusal", stop_details=details)
    [choice] = answer["choices"]
    assert choice["message"]["refusal"] == "It is dangerous."
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "content_filter")


def test_the_sequence_that_stopped_it_is_named() -> None:
    [choice] = answered(text("a"), stop_reason="stop_sequence", stop_sequence="END")["choices"]
    assert (choice["finish_reason"], choice["stop_sequence"]) == ("stop", "END")


def test_t15_a_call_is_not_dropped_for_a_reason_from_the_future() -> None:
    message: dict[str, object] = {"id": "m", "model": "x", "content": [tool()], "usage": {}}
    answer: dict[str, Any] = completion({**message, "stop_reason": "moon_phase"}, 1)
    [choice] = answer["choices"]
    assert (choice["finish_reason"], choice["x_stop_reason"]) == ("tool_calls", "moon_phase")


def test_t15_a_full_context_is_told_from_an_answer_that_was_too_long() -> None:
    full, long = (
        answered(text("a"), stop_reason=reason)["choices"][0]
        for reason in ("model_context_window_exceeded", "max_tokens")
    )
    assert full["finish_reason"] == long["finish_reason"] == "length"
    assert full["x_stop_reason"] == "model_context_window_exceeded"
    assert "x_stop_reason" not in long
