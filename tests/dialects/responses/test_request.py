"""A request of the Responses API becomes parameters of the Messages API."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import orjson
import pytest

from claude_gateway import sse
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.responses.request import (
    REPORTED,
    brings_results_alone,
    read,
    translate,
)
from claude_gateway.dialects.responses.thoughts import packed
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo

OLD = ModelInfo("old", max_tokens=8_000)
NEW = ModelInfo("new", max_tokens=128_000, thinking="always", sampling=False)
ADAPTIVE = replace(NEW, thinking="adaptive")
MANUAL = ModelInfo("manual", thinking="manual")
HI = {"role": "user", "content": "Hi"}
TOOLS = [{"type": "function", "name": name} for name in ("look", "list")]
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}


def asked(model: ModelInfo = OLD, /, **fields: object) -> Translated:
    return translate(read({"model": "m", "input": "Hi", **fields}), model)


def params(model: ModelInfo = OLD, /, **fields: object) -> Any:
    return orjson.loads(sse.compact(asked(model, **fields).params))


def refused(model: ModelInfo = OLD, /, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        asked(model, **fields)
    return failure.value


def test_t20_what_was_not_asked_for_is_not_sent() -> None:
    assert params() == {"max_tokens": 8_000, "messages": [HI]}


def test_everything_that_there_is_in_both_apis_is_sent() -> None:
    everything = params(
        replace(OLD, thinking="adaptive"),
        instructions="Be brief.",
        max_output_tokens=100,
        temperature=1.5,
        parallel_tool_calls=False,
        tools=TOOLS,
        tool_choice="required",
        reasoning={"effort": "high"},
        safety_identifier="me",
        service_tier="default",
    )
    schema = {"type": "object", "properties": {}}
    assert everything == {
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [HI],
        "temperature": 1,
        "tools": [{"name": name, "input_schema": schema} for name in ("look", "list")],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "metadata": {"user_id": hashlib.sha256(b"me").hexdigest()},
        "service_tier": "standard_only",
        "output_config": {"effort": "high"},
    }


def test_t03_a_choice_of_a_function_is_flat() -> None:
    assert params(tools=TOOLS, tool_choice={"type": "function", "name": "list"})["tool_choice"] == {
        "type": "tool",
        "name": "list",
    }
    rule = {"type": "allowed_tools", "mode": "required", "tools": [TOOLS[1]]}
    sent = params(tools=TOOLS, tool_choice=rule)
    assert [tool["name"] for tool in sent["tools"]] == ["list"]
    assert sent["tool_choice"] == {"type": "any"}


def test_t03_a_model_that_refuses_to_be_forced_is_asked_in_words() -> None:
    proud = replace(NEW, forced_tool_choice=False)
    answer = asked(proud, tools=TOOLS, tool_choice="required")
    assert answer.ignored == ("tool_choice",)
    assert answer.params["tool_choice"] == {"type": "auto"}
    assert answer.words
    assert not asked(proud, tools=TOOLS).words


def test_t02_a_history_with_calls_needs_its_tools() -> None:
    called = {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"}
    fine = {"type": "function_call_output", "call_id": "a", "output": "fine"}
    sent = params(input=[HI, called, fine])
    assert [tool["name"] for tool in sent["tools"]] == ["look"]
    assert sent["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        (NEW, {}, {}),
        (NEW, {"effort": None, "summary": None}, {}),
        (NEW, {"effort": "minimal"}, {"output_config": {"effort": "low"}}),
        (ADAPTIVE, {"effort": "none"}, {"thinking": {"type": "disabled"}}),
        (NEW, {"summary": "auto"}, {"thinking": {"type": "adaptive", "display": "summarized"}}),
        (
            ADAPTIVE,
            {"effort": "max", "generate_summary": "concise"},
            {
                "output_config": {"effort": "max"},
                "thinking": {"type": "adaptive", "display": "summarized"},
            },
        ),
        (
            MANUAL,
            {"effort": "low", "summary": "auto"},
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        ),
    ],
)
def test_reasoning_is_thinking(
    model: ModelInfo, reasoning: dict[str, object], sent: dict[str, object]
) -> None:
    answer = asked(model, reasoning=reasoning)
    assert {
        key: answer.params[key] for key in answer.params.keys() - {"max_tokens", "messages"}
    } == sent
    assert answer.ignored == ()


@pytest.mark.parametrize(
    ("model", "reasoning", "ignored"),
    [
        (OLD, {"effort": "low", "summary": "auto"}, ("reasoning.effort", "reasoning.summary")),
        (ADAPTIVE, {"effort": "none", "summary": "auto"}, ("reasoning.summary",)),
        (MANUAL, {"generate_summary": "auto"}, ("reasoning.summary",)),
    ],
)
def test_reasoning_that_cannot_be_shown_is_reported(
    model: ModelInfo, reasoning: dict[str, object], ignored: tuple[str, ...]
) -> None:
    assert asked(model, reasoning=reasoning).ignored == ignored


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}


def test_a_format_with_a_schema_is_promised() -> None:
    answer = asked(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}})
    assert answer.params["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert answer.shape is not None
    assert answer.ignored == ()


def test_a_format_that_cannot_be_promised_is_asked_for_in_words() -> None:
    loose = asked(
        text={"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}
    )
    assert loose.ignored == ("text.format",)
    assert "JSON Schema" in str(loose.params["system"])
    assert "JSON object" in str(params(text={"format": {"type": "json_object"}})["system"])


@pytest.mark.parametrize("plain", [{}, {"format": None}, {"format": {"type": "text"}}])
def test_any_text_will_do(plain: dict[str, object]) -> None:
    assert params(text={**plain, "verbosity": "medium"}) == params()


ASKING: dict[str, object] = {
    "background": True,
    "truncation": "auto",
    "store": True,
    "top_logprobs": 5,
    "max_tool_calls": 3,
}


@pytest.mark.parametrize("key", REPORTED)
def test_what_claude_does_not_have_is_reported(key: str) -> None:
    assert asked(**{key: ASKING.get(key, {"a": 1})}).ignored == (key,)
    assert asked(**{key: None}).ignored == ()
    for nothing in REPORTED[key]:
        assert asked(**{key: nothing}).ignored == ()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"reasoning": {"context": "current_turn"}}, "reasoning.context"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"service_tier": "flex"}, "service_tier"),
    ],
)
def test_what_claude_does_not_have_inside_is_reported(fields: dict[str, Any], name: str) -> None:
    assert asked(**fields).ignored == (name,)


def test_audio_is_reported() -> None:
    parts = [{"type": "input_text", "text": "Hi"}, {"type": "input_audio", "input_audio": {}}]
    assert asked(input=[{"role": "user", "content": parts}]).ignored == ("input_audio",)


def test_what_is_repeated_or_unknown_is_not_reported() -> None:
    assert asked(metadata={"a": "b"}, extension=True, include=[]).ignored == ()


def test_the_client_says_whether_it_keeps_the_thinking() -> None:
    assert not read({"input": "Hi"}).thinking
    assert read({"include": ["reasoning.encrypted_content"]}).thinking
    assert asked(include=["reasoning.encrypted_content"]).ignored == ()


def test_the_key_of_the_cache_is_what_requests_have_in_common() -> None:
    assert read({"prompt_cache_key": "chat-1"}).affinity == "chat-1"
    assert "cache_control" in str(params(prompt_cache_key="chat-1"))


def test_thinking_is_left_out_for_another_model() -> None:
    kept: object = {"type": "reasoning", "summary": [], "encrypted_content": packed([THOUGHT])}
    request = read({"input": [HI, kept, {"role": "assistant", "content": "So."}, HI]})
    assert (
        THOUGHT
        in orjson.loads(sse.compact(translate(request, NEW).params))["messages"][1]["content"]
    )
    assert translate(request, NEW, thoughts=False).params["messages"][1]["content"] == "So."  # type: ignore[index]


def test_an_input_that_ends_with_the_assistant_is_for_models_that_go_on() -> None:
    begun = [HI, {"role": "assistant", "content": "Once"}]
    assert params(replace(OLD, prefill=True), input=begun)["messages"][-1]["content"] == "Once"
    error = refused(replace(OLD, prefill=False), input=begun)
    assert (error.param, error.code) == ("input", "unsupported_value")


def test_results_that_are_missing_can_be_filled_in() -> None:
    called = {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"}
    given = {"input": [HI, called]}
    assert translate(read(given, fill_in=True), OLD).params["messages"]
    with pytest.raises(InvalidRequest):
        translate(read(given), OLD)


def test_a_prompt_that_is_kept_elsewhere_is_refused() -> None:
    error = refused(prompt={"id": "pmpt_1"})
    assert (error.param, error.code) == ("prompt", "unsupported_parameter")
    assert params(prompt=None) == params()


def test_what_a_request_goes_on_with_is_read() -> None:
    assert read({"input": "Hi", "previous_response_id": "resp_1"}).previous == "resp_1"
    assert read({"input": "Hi", "conversation": "c1"}).conversation == "c1"
    assert read({"input": "Hi", "conversation": {"id": "c1"}}).conversation == "c1"
    assert read({"input": "Hi"}).store
    assert not read({"input": "Hi", "store": False}).store
    wrong: list[object] = ["a b", 5, {"id": 5}]
    for conversation in wrong:
        with pytest.raises(InvalidRequest):
            read({"input": "Hi", "conversation": conversation})
    with pytest.raises(InvalidRequest):
        read({"input": "Hi", "conversation": "c1", "previous_response_id": "resp_1"})


def test_only_results_without_their_calls_rely_on_what_is_stored() -> None:
    output = {"type": "function_call_output", "call_id": "a", "output": "x"}
    call = {"type": "function_call", "call_id": "a", "name": "n", "arguments": "{}"}
    assert brings_results_alone({"input": [output]})
    assert not brings_results_alone({"input": [call, output]})
    assert not brings_results_alone({"input": "Hi"})


WRONG: dict[str, list[object]] = {
    "input": [None, 5, {}, []],
    "input[0]": [[5]],
    "model": [5],
    "stream": ["true", 1],
    "instructions": [5, []],
    "max_output_tokens": [0, -1, "5", 1.5, True],
    "temperature": [-0.1, 2.1, "1"],
    "top_p": [-0.1, 1.1],
    "metadata": [5, {str(i): "" for i in range(17)}, {"k" * 65: ""}],
    "metadata.a": [{"a": 5}, {"a": "v" * 513}, {"a": None}],
    "include": [5, {}],
    "include[0]": [[5]],
    "reasoning": [5, "high"],
    "reasoning.effort": [{"effort": "extreme"}, {"effort": 5}],
    "reasoning.summary": [{"summary": "long"}, {"summary": 5}],
    "text": [5],
    "text.format": [{"format": "json"}],
    "text.format.type": [{"format": {}}, {"format": {"type": "xml"}}],
    "text.format.name": [{"format": {"type": "json_schema", "schema": SCHEMA}}],
    "text.format.schema": [{"format": {"type": "json_schema", "name": "a", "schema": 5}}],
    "text.format.strict": [{"format": {"type": "json_schema", "name": "a", "strict": 5}}],
    "text.format.description": [{"format": {"type": "json_schema", "name": "a", "description": 5}}],
    "stream_options": [5],
    "service_tier": [5],
    "user": [5],
    "safety_identifier": [5],
    "prompt_cache_key": [5],
    "parallel_tool_calls": ["no"],
    "tools": [5, {}],
    "tools[0]": [[5]],
    "tools[0].type": [[{"name": "a"}], [{"type": "custom", "name": "a"}], [{"type": "mcp"}]],
    "tools[0].name": [[{"type": "function"}], [{"type": "function", "name": ""}]],
    "tools[0].parameters": [[{"type": "function", "name": "a", "parameters": 5}]],
    "tools[1].name": [[TOOLS[0], TOOLS[0]]],
    "tool_choice": ["some", "required", 5],
    "tool_choice.type": [{}, {"type": "custom"}, {"type": "file_search"}],
    "tool_choice.name": [{"type": "function"}, {"type": "function", "name": "walk"}],
    "tool_choice.mode": [{"type": "allowed_tools", "tools": []}],
    "tool_choice.tools[0].name": [
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "walk"}]}
    ],
}


@pytest.mark.parametrize(
    ("param", "value"), [(param, value) for param, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_refused_with_its_field(param: str, value: object) -> None:
    key = param.partition(".")[0].partition("[")[0]
    error = refused(**{key: value})
    assert error.param == param
    assert error.message.startswith(param)


@pytest.mark.parametrize(
    "stored",
    [{"background": True}, {"previous_response_id": "resp_1"}, {"conversation": "talk"}],
)
def test_what_must_be_stored_is_refused_to_whoever_wants_nothing_stored(
    stored: dict[str, object],
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"input": "Hi", "store": False, **stored})
    assert (caught.value.param, caught.value.code) == ("store", "unsupported_value")


def test_a_hosted_tool_is_refused_with_what_there_is() -> None:
    error = refused(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}])
    assert error.param == "tools[0].type"
    assert "code_interpreter" in error.message
