"""A whole answer as a response, judged by openai-python's own model of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening, failed, usage, whole
from claude_gateway.dialects.responses.thoughts import unpacked
from claude_gateway.errors import InvalidRequest, Overloaded, RateLimited
from claude_gateway.types.usage import Usage

OPENING = Opening("resp_ab", 1_700_000_000, "asked", echo({}))
CLIENT = Client("ab", {"fs_read-x1": "fs.read"}, thinking=True)
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
HIDDEN = {"type": "thinking", "thinking": "", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "Em8K"}
LOOK = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}


def text(words: str, **extra: object) -> dict[str, object]:
    return {"type": "text", "text": words, **extra}


def message(*content: object, reason: str = "end_turn", **extra: object) -> dict[str, object]:
    counted = {"input_tokens": 10, "output_tokens": 5}
    ending = {"stop_reason": reason, "stop_sequence": None, "usage": counted}
    return {"id": "msg_1", "model": "claude-x", "content": list(content), **ending, **extra}


def respond(
    *content: object, reason: str = "end_turn", client: Client = CLIENT, **extra: object
) -> Any:
    answer = whole(OPENING, message(*content, reason=reason, **extra), client, 1_700_000_009)
    Response.model_validate(answer, strict=True)
    return answer


def items(*content: object, **options: Any) -> Any:
    return respond(*content, **options)["output"]


def test_a_text_is_a_message() -> None:
    answer = respond(text("Hello"))
    assert (answer["id"], answer["object"]) == ("resp_ab", "response")
    assert (answer["status"], answer["model"]) == ("completed", "claude-x")
    assert (answer["created_at"], answer["completed_at"]) == (1_700_000_000, 1_700_000_009)
    assert answer["output"] == [
        {
            "id": "msg_ab00",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
            ],
        }
    ]
    assert Response.model_validate(answer).output_text == "Hello"


def test_texts_in_a_row_are_parts_of_one_message() -> None:
    odd = {"type": "hologram"}
    [said] = items(text("Hel"), odd, text("lo"))
    assert [part["text"] for part in said["content"]] == ["Hel", "lo"]
    first, asked, last = items(text("A"), LOOK, text("B"))
    assert [first["id"], asked["id"], last["id"]] == ["msg_ab00", "fc_ab01", "msg_ab02"]


def test_a_call_is_an_item_by_the_clients_name() -> None:
    [asked] = items({**LOOK, "name": "fs_read-x1"}, reason="tool_use")
    assert asked == {
        "id": "fc_ab00",
        "type": "function_call",
        "status": "completed",
        "arguments": '{"a":1}',
        "call_id": "toolu_1",
        "name": "fs.read",
    }


@pytest.mark.parametrize(
    ("given", "arguments"), [({}, "{}"), (None, "{}"), ('{"n": 1.10}', '{"n": 1.10}')]
)
def test_t12_arguments_are_json(given: object, arguments: str) -> None:
    [asked] = items({**LOOK, "input": given})
    assert asked["arguments"] == arguments
    json.loads(arguments)


def test_t06_thinking_is_reasoning_that_the_client_can_send_back() -> None:
    shown, hidden, redacted, _ = items(THOUGHT, HIDDEN, REDACTED, text("So."))
    assert shown["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert [hidden["summary"], redacted["summary"]] == [[], []]
    kept = [unpacked(item["encrypted_content"]) for item in (shown, hidden, redacted)]
    assert kept == [[THOUGHT], [HIDDEN], [REDACTED]]
    assert [item["id"] for item in (shown, hidden)] == ["rs_ab00", "rs_ab01"]


def test_thinking_is_only_given_to_clients_that_keep_it() -> None:
    [item] = items(THOUGHT, client=Client("ab"))
    assert item["encrypted_content"] is None
    assert item["summary"]


def test_thinking_that_was_cut_cannot_be_kept() -> None:
    [item] = items({"type": "thinking", "thinking": "Hm", "signature": ""}, reason="max_tokens")
    assert item["encrypted_content"] is None


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [
        ("end_turn", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_use", "completed", None),
        ("pause_turn", "completed", None),
        ("moonrise", "completed", None),
        ("max_tokens", "incomplete", {"reason": "max_output_tokens"}),
        ("model_context_window_exceeded", "incomplete", {"reason": "max_output_tokens"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_t15_how_an_answer_ends(reason: str, status: str, why: object) -> None:
    answer = respond(text("A"), LOOK, reason=reason)
    assert (answer["status"], answer["incomplete_details"]) == (status, why)
    assert (answer["completed_at"] is None) == (status == "incomplete")
    told = reason in ("pause_turn", "moonrise", "model_context_window_exceeded")
    assert answer.get("x_stop_reason") == (reason if told else None)
    assert any(item["type"] == "function_call" for item in answer["output"])


def test_what_was_cut_is_the_last_item() -> None:
    first, last = items(text("A"), LOOK, reason="max_tokens")
    assert (first["status"], last["status"]) == ("completed", "incomplete")


def test_t15_a_refusal_is_a_part_that_says_why() -> None:
    details = {"type": "refusal", "explanation": "This looks like an attack."}
    [said] = items(text("I"), reason="refusal", stop_details=details)
    assert said["content"][1] == {"type": "refusal", "refusal": "This looks like an attack."}
    [alone] = items(reason="refusal")
    assert alone["content"] == [{"type": "refusal", "refusal": "The model refused to answer."}]
    assert (said["status"], alone["status"]) == ("completed", "completed")


WEB = {
    "type": "web_search_result_location",
    "url": "https://x.test",
    "title": "X",
    "cited_text": "x",
}
SOURCE = {"type": "search_result_location", "source": "https://y.test", "title": None}
FILE = {"type": "page_location", "file_id": "file_1", "document_title": "D", "document_index": 0}
LOCAL = {"type": "char_location", "document_index": 0, "cited_text": "x", "source": "notes"}


def test_citations_are_annotations_as_far_as_there_are_words_for_them() -> None:
    [said] = items(text("Foxes", citations=[WEB, SOURCE, FILE, LOCAL, "odd"]))
    whole_text = {"start_index": 0, "end_index": 5}
    assert said["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://x.test", "title": "X", **whole_text},
        {"type": "url_citation", "url": "https://y.test", "title": "", **whole_text},
        {"type": "file_citation", "file_id": "file_1", "filename": "D", "index": 5},
    ]
    [plain] = items(text("Foxes", citations=None))
    assert plain["content"][0]["annotations"] == []


def test_t17_the_input_includes_what_was_cached() -> None:
    used = Usage(
        3, 7, cache_creation_input_tokens=20, cache_read_input_tokens=100, thinking_tokens=2
    )
    assert usage(used) == {
        "input_tokens": 123,
        "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 130,
    }


@pytest.mark.parametrize(
    ("tier", "said"), [("standard", "default"), ("priority", "priority"), ("batch", "default")]
)
def test_the_tier_is_the_one_that_served(tier: str, said: str) -> None:
    assert respond(text("A"), usage={"service_tier": tier})["service_tier"] == said


def test_an_answer_of_nothing_is_a_response_of_nothing() -> None:
    assert items() == []
    assert respond(model=None)["model"] == "asked"
    assert items(None, 5, "odd") == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RateLimited("Slow down"), "rate_limit_exceeded"),
        (InvalidRequest("Too long", param="input"), "invalid_prompt"),
        (Overloaded("Overloaded"), "server_error"),
    ],
)
def test_a_failure_has_one_of_openais_codes(error: Any, code: str) -> None:
    answer = failed(respond(text("A")), error, error.message, [])
    assert answer["status"] == "failed"
    said = answer["error"]
    assert said == {
        "code": code,
        "message": error.message,
        "type": error.type,
        "param": error.param,
    }
    Response.model_validate(answer, strict=True)


REQUEST: dict[str, object] = {
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "reasoning": {"effort": "high", "generate_summary": "auto"},
    "safety_identifier": "s",
    "store": True,
    "temperature": 0.5,
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    "tool_choice": {"type": "function", "name": "look", "odd": 1},
    "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "odd": 1}],
    "top_p": 1,
    "truncation": "auto",
    "user": "u",
}


def test_a_response_repeats_its_request() -> None:
    opening = Opening("resp_ab", 1, "asked", echo(REQUEST))
    answer = whole(opening, message(text("A")), CLIENT, 2)
    parsed = Response.model_validate(answer, strict=True)
    for key in ("instructions", "max_output_tokens", "metadata", "temperature", "user"):
        assert answer[key] == REQUEST[key]
    assert parsed.reasoning is not None
    assert (parsed.reasoning.effort, parsed.reasoning.summary) == ("high", "auto")
    assert answer["tools"] == [
        {
            "type": "function",
            "name": "look",
            "description": None,
            "parameters": {"type": "object"},
            "strict": None,
        }
    ]
    assert answer["tool_choice"] == {"type": "function", "name": "look"}
    assert answer["text"] == {"format": REQUEST["text"]["format"]}  # type: ignore[index]
    assert (answer["store"], answer["truncation"]) == (False, "disabled")
    assert answer["parallel_tool_calls"] is False


def test_what_a_request_does_not_say_has_its_default() -> None:
    said = echo({})
    assert said["text"] == {"format": {"type": "text"}}
    assert (said["tool_choice"], said["tools"]) == ("auto", [])
    assert said["parallel_tool_calls"] is True


@pytest.mark.parametrize(
    ("asked", "repeated"),
    [
        ("required", "required"),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
        ),
    ],
)
def test_a_choice_is_repeated(asked: object, repeated: object) -> None:
    assert echo({"tool_choice": asked})["tool_choice"] == repeated


def test_a_format_of_any_object_is_repeated() -> None:
    assert echo({"text": {"format": {"type": "json_object"}}})["text"] == {
        "format": {"type": "json_object"}
    }
