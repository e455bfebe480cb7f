"""A chat request becomes parameters of the Messages API: what was asked for and nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import orjson
import pytest

from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.openai.request import REPORTED, read, translate
from claude_gateway.errors import InvalidRequest
from claude_gateway.types.models import ModelInfo

OLD = ModelInfo("old", max_tokens=8_000)
NEW = ModelInfo("new", max_tokens=128_000, sampling=False, forced_tool_choice=False)
HI = {"role": "user", "content": "Hi"}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "list")]
CALLED = [
    HI,
    {
        "role": "assistant",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "fine"},
]


def translated(model: ModelInfo = OLD, /, **fields: object) -> Translated:
    return translate(read({"messages": [HI], **fields}), model)


def params(model: ModelInfo = OLD, /, **fields: object) -> dict[str, Any]:
    return translated(model, **fields).params


def refused(**fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        translated(**fields)
    return failure.value


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    assert params() == {"max_tokens": 8_000, "messages": [HI]}
    assert translated().ignored == ()


def test_what_does_not_depend_on_the_model_is_read_first() -> None:
    asked = read({"model": "m", "stream": True, "stream_options": {"include_usage": True}})
    assert (asked.model, asked.stream, asked.include_usage) == ("m", True, True)
    plain = read({"model": None, "stream": None, "stream_options": None, "n": None})
    assert (plain.model, plain.stream, plain.include_usage) == (None, False, False)
    assert plain.affinity == ""
    assert read({"prompt_cache_key": "k"}).affinity == "k"


@pytest.mark.parametrize("count", [0, 2, 128, -1])
def test_there_is_one_answer_to_a_request(count: int) -> None:
    error = refused(n=count)
    assert (error.param, error.code) == ("n", "unsupported_value")
    assert params(n=1) == params()


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 8_000),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
        ({"max_tokens": 8_001}, 8_000),
        ({"max_tokens": 2**63}, 8_000),
    ],
)
def test_the_answer_is_as_long_as_asked_and_the_model_allows(
    fields: dict[str, object], limit: int
) -> None:
    assert params(**fields)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("stop", "sequences"),
    [
        ("END", ["END"]),
        (["a", "b", "c", "d"], ["a", "b", "c", "d"]),
        (["a", " ", "", "\n", "b"][:4], ["a"]),
    ],
)
def test_stops_are_passed_on_but_for_blank_ones(stop: object, sequences: list[str]) -> None:
    assert params(stop=stop)["stop_sequences"] == sequences


@pytest.mark.parametrize("stop", [None, [], "", " ", ["", "\n"]])
def test_no_stop_is_no_field(stop: object) -> None:
    assert params(stop=stop) == params()


@pytest.mark.parametrize(
    ("stop", "ignored"),
    [("\n", ("stop",)), (["END", " "], ("stop",)), ("", ()), (["END", ""], ()), ("END", ())],
)
def test_a_stop_that_is_blank_is_reported(stop: object, ignored: tuple[str, ...]) -> None:
    assert translated(stop=stop).ignored == ignored


@pytest.mark.parametrize(
    ("fields", "sent", "ignored"),
    [
        ({"temperature": 0.7}, {"temperature": 0.7}, ()),
        ({"temperature": 0}, {"temperature": 0}, ()),
        ({"temperature": 1.7}, {"temperature": 1}, ()),
        ({"top_p": 0.5}, {"top_p": 0.5}, ()),
        ({"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}, ("top_p",)),
        ({"temperature": None, "top_p": 1}, {"top_p": 1}, ()),
    ],
)
def test_t20_sampling_is_passed_on_one_parameter_at_most(
    fields: dict[str, object], sent: dict[str, object], ignored: tuple[str, ...]
) -> None:
    assert params(**fields) == {**params(), **sent}
    assert translated(**fields).ignored == ignored


def test_t20_a_model_that_refuses_sampling_gets_none() -> None:
    asked = translated(NEW, temperature=0.2, top_p=0.5)
    assert asked.params == params(NEW)
    assert asked.ignored == ("temperature", "top_p")


@pytest.mark.parametrize("key", ["user", "safety_identifier"])
def test_a_user_is_known_upstream_by_a_digest_only(key: str) -> None:
    digest = hashlib.sha256(b"jo@example.org").hexdigest()
    assert params(**{key: "jo@example.org"})["metadata"] == {"user_id": digest}
    assert b"jo@" not in orjson.dumps(params(**{key: "jo@example.org"}))


def test_the_newer_name_of_the_user_wins_and_an_empty_one_is_none() -> None:
    both = params(user="b", safety_identifier="a")
    assert both == params(safety_identifier="a")
    assert params(user="b", safety_identifier="") == params(user="b")
    assert params(user="") == params()


@pytest.mark.parametrize(("asked", "sent"), [("auto", "auto"), ("default", "standard_only")])
def test_a_service_tier_is_translated(asked: str, sent: str) -> None:
    assert params(service_tier=asked)["service_tier"] == sent


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_service_tier_without_an_equal_is_ignored_and_reported(tier: str) -> None:
    asked = translated(service_tier=tier)
    assert (asked.params, asked.ignored) == (params(), ("service_tier",))


def test_what_the_system_says_stands_apart() -> None:
    asked = params(
        messages=[{"role": "system", "content": "Rhyme."}, HI], system_prompt="Be brief."
    )
    assert [block["text"] for block in asked["system"]] == ["Be brief.", "Rhyme."]
    assert asked["messages"] == [HI]


@pytest.mark.parametrize(
    ("choice", "old", "new"),
    [
        (None, None, None),
        ("auto", {"type": "auto"}, {"type": "auto"}),
        ("none", {"type": "none"}, {"type": "none"}),
        ("required", {"type": "any"}, {"type": "auto"}),
        (TOOLS[0], {"type": "tool", "name": "look"}, {"type": "auto"}),
    ],
)
@pytest.mark.parametrize("parallel", [None, True, False])
def test_t03_a_choice_of_tools_depends_on_the_model(
    choice: object, old: dict[str, object] | None, new: dict[str, object] | None, parallel: object
) -> None:
    for model, wanted in ((OLD, old), (NEW, new)):
        asked = translated(model, tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel)
        single = parallel is False and wanted != {"type": "none"}
        limited = {**(wanted or {"type": "auto"}), "disable_parallel_tool_use": True}
        assert asked.params.get("tool_choice") == (limited if single else wanted)
        assert asked.ignored == (("tool_choice",) if old != new and model is NEW else ())


@pytest.mark.parametrize("offered", [None, []])
@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_t02_calls_in_the_history_need_their_tools(offered: object, choice: object) -> None:
    asked = params(messages=CALLED, tools=offered, tool_choice=choice, parallel_tool_calls=False)
    assert asked["tools"] == [
        {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    ]
    assert asked["tool_choice"] == {"type": "none"}


def test_t02_without_calls_and_tools_there_is_no_choice() -> None:
    assert params(tools=[], tool_choice="auto", parallel_tool_calls=True) == params()


@pytest.mark.parametrize("key", sorted(REPORTED))
def test_what_claude_does_not_have_is_ignored_and_reported(key: str) -> None:
    asked = translated(**{key: "something"})
    assert (asked.params, asked.ignored) == (params(), (key,))
    assert translated(**{key: None}).ignored == ()


@pytest.mark.parametrize(
    "usual",
    [
        {"logprobs": False, "top_logprobs": 0, "logit_bias": {}, "store": False},
        {"frequency_penalty": 0, "presence_penalty": 0.0},
        {"modalities": ["text"], "verbosity": "medium", "metadata": {}},
        {"functions": [], "function_call": "auto"},
    ],
)
def test_a_value_that_asks_for_nothing_is_not_reported(usual: dict[str, object]) -> None:
    asked = translated(**usual)
    assert (asked.params, asked.ignored) == (params(), ())


def test_a_choice_may_allow_some_tools_only() -> None:
    rule = {"mode": "required", "tools": [TOOLS[1]]}
    asked = params(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": rule})
    assert [tool["name"] for tool in asked["tools"]] == ["list"]
    assert asked["tool_choice"] == {"type": "any"}


def test_unknown_fields_are_ignored_in_silence() -> None:
    huge = "x" * 1_000_000
    asked = translated(session_id="s", **{huge: [1], "nul\x00": {"deep": 1}})
    assert (asked.params, asked.ignored) == (params(), ())


def test_what_is_ignored_is_listed_in_order() -> None:
    assert translated(NEW, top_p=1, seed=1, logit_bias={"1": 2}, temperature=1).ignored == (
        "logit_bias",
        "seed",
        "temperature",
        "top_p",
    )


WRONG: dict[str, list[object]] = {
    "model": [5, True, [], {}],
    "messages": [None, "Hi", {}, 5, []],
    "system_prompt": [5, [], {}, False],
    "stream": [1, "true", []],
    "stream_options": [True, "all", []],
    "n": ["1", True, [], 2.5],
    "max_tokens": ["5", True, 0, -1, []],
    "max_completion_tokens": ["5", 5.5, False, 0, -1, {}],
    "stop": [5, True, {}, ["a", "b", "c", "d", "e"]],
    "temperature": ["1", True, [], -0.1, 2.1, 1e300],
    "top_p": ["1", False, {}, -0.1, 1.1],
    "user": [5, [], {}],
    "safety_identifier": [5, True],
    "service_tier": [5, [], True],
    "tools": ["look", {}, 5],
    "tool_choice": [5, "any", "", [], True],
    "parallel_tool_calls": [1, "no", []],
    "reasoning_effort": [5, True, [], "extreme", ""],
    "response_format": [5, "json", []],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
@pytest.mark.parametrize("tools", [[], TOOLS])
def test_a_field_that_is_wrong_is_named(key: str, value: object, tools: object) -> None:
    right = {"tools": tools, "max_tokens": 5, "max_completion_tokens": 5, "user": "a"}
    assert refused(**{**right, "safety_identifier": "b", key: value}).param == key


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stop": ["a", 5]}, "stop[1]"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"messages": [5]}, "messages[0]"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
    ],
)
def test_a_field_deep_inside_is_named(fields: dict[str, object], param: str) -> None:
    assert refused(**fields).param == param


def test_how_much_to_think_and_what_shape_to_have_stand_together() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string"}}}
    thinker = ModelInfo("claude-x", thinking="adaptive")
    assert params(thinker, reasoning_effort="high", response_format=shape)["output_config"] == {
        "effort": "high",
        "format": {"type": "json_schema", "schema": {"type": "string"}},
    }
    quiet = params(thinker, reasoning_effort="none", response_format=shape)
    assert quiet["thinking"] == {"type": "disabled"}
    assert quiet["output_config"].keys() == {"format"}
    assert params(thinker, reasoning_effort="low")["output_config"] == {"effort": "low"}


FULL: dict[str, object] = {
    "messages": [{"role": "system", "content": "Be brief."}, *CALLED],
    "max_tokens": 100,
    "stop": ["a", "b"],
    "temperature": 0.5,
    "user": "jo",
    "service_tier": "auto",
    "tools": TOOLS,
    "tool_choice": "auto",
    "seed": 7,
    "logprobs": True,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"type": "integer", "minimum": 1}},
    },
}


def test_t19_the_order_of_the_fields_does_not_matter() -> None:
    backwards = dict(reversed(FULL.items()))
    assert orjson.dumps(params(**FULL)) == orjson.dumps(params(**backwards))
    assert translated(**FULL).ignored == translated(**backwards).ignored


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_t19_another_process_writes_the_same_bytes(seed: str) -> None:
    code = (
        "import sys, orjson\n"
        "from claude_gateway.dialects.openai.request import read, translate\n"
        "from claude_gateway.types.models import ModelInfo\n"
        "asked = translate(read(orjson.loads(sys.stdin.buffer.read())), ModelInfo('old', max_tokens=8_000))\n"
        "sys.stdout.buffer.write(orjson.dumps([asked.params, asked.ignored]))\n"
    )
    written = subprocess.run(
        [sys.executable, "-c", code],
        input=orjson.dumps(FULL),
        env={"PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    here = translated(**FULL)
    assert written == orjson.dumps([here.params, here.ignored])


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("required", "Do not answer in words: call one of the tools."),
        (TOOLS[0], "Do not answer in words: call the tool look."),
    ],
)
def test_t03_a_model_that_cannot_be_forced_is_asked_for_a_call(choice: object, words: str) -> None:
    said = {"type": "text", "text": words}
    for history in ([HI], CALLED):
        asked = params(NEW, messages=history, tools=TOOLS, tool_choice=choice)
        assert asked["messages"][-1]["role"] == "user"
        assert asked["messages"][-1]["content"][-1] == said
        assert "system" not in asked
        assert asked["messages"][:-1] == params(NEW, messages=history)["messages"][:-1]
    ended = [HI, {"role": "assistant", "content": "Well"}]
    asked = params(NEW, messages=ended, tools=TOOLS, tool_choice=choice)
    assert (asked["system"], asked["messages"]) == ([said], ended)


def test_json_is_asked_for_at_the_end_of_what_the_system_says() -> None:
    history = [{"role": "system", "content": "Rhyme."}, HI]
    asked = translated(messages=history, response_format={"type": "json_object"})
    assert [b["text"][:10] for b in asked.params["system"]] == ["Rhyme.", "Answer wit"]  # type: ignore[attr-defined]
    assert (asked.ignored, asked.shape and asked.shape.schema) == ((), {"type": "object"})


def test_a_schema_that_is_promised_needs_no_words() -> None:
    schema = {"type": "string", "maxLength": 5}
    given = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    asked = translated(response_format=given)
    assert "system" not in asked.params
    assert asked.shape is not None
    assert asked.shape.schema == schema


def test_the_model_decides_where_the_system_may_speak() -> None:
    history = [HI, {"role": "system", "content": "Rhyme."}]
    assert params(replace(NEW, system_messages=True), messages=history)["messages"] == history
    assert len(params(messages=history)["messages"]) == 1


def test_a_call_is_asked_for_by_the_system_where_it_spoke_last() -> None:
    history = [HI, {"role": "system", "content": "Rhyme."}]
    new = replace(NEW, system_messages=True)
    asked = params(new, messages=history, tools=TOOLS, tool_choice="required")
    assert asked["messages"][-1]["role"] == "system"
    assert [b["text"][:6] for b in asked["messages"][-1]["content"]] == ["Rhyme.", "Do not"]


SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


@pytest.mark.parametrize("text", [{"type": "text", "text": "Hi"}])
def test_sound_is_left_out_and_reported(text: dict[str, object]) -> None:
    asked = translated(messages=[{"role": "user", "content": [SOUND, text]}])
    assert (asked.params, asked.ignored) == (params(), ("input_audio",))


def test_sound_alone_says_nothing() -> None:
    assert refused(messages=[{"role": "user", "content": [SOUND]}]).param == "messages[0].content"


def test_how_closely_to_look_is_reported() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}}
    result = {"role": "tool", "tool_call_id": "a", "content": [image]}
    for messages in ([{"role": "user", "content": [image, image]}], [*CALLED[:-1], result]):
        assert translated(messages=messages).ignored == ("image_url.detail",)


CITED = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "A"},
    "citations": {"enabled": True},
}
AN_AGE = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"age": {}}}},
}


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        (replace(OLD, structured_outputs=False), [HI]),
        (OLD, [{"role": "user", "content": [CITED, {"type": "text", "text": "Hi"}]}]),
    ],
    ids=["a model that cannot", "an answer that cites"],
)
def test_where_no_format_is_promised_the_shape_is_asked_for_in_words(
    model: ModelInfo, messages: list[object]
) -> None:
    asked = translated(model, messages=messages, response_format=AN_AGE)
    assert "output_config" not in asked.params
    assert "JSON Schema" in asked.params["system"][-1]["text"]  # type: ignore[index]
    assert asked.ignored == ("response_format",)
    assert "output_config" in params(response_format=AN_AGE)


def test_a_model_that_does_not_go_on_says_so_before_upstream_does() -> None:
    ended = [HI, {"role": "assistant", "content": "Well"}]
    assert params(messages=ended)["messages"] == ended
    with pytest.raises(InvalidRequest, match="does not go on") as failure:
        params(replace(NEW, prefill=False), messages=ended)
    assert failure.value.param == "messages[1].role"
    assert params(replace(NEW, prefill=False), messages=[*ended, HI])["messages"] == [*ended, HI]


def test_a_wish_to_see_the_reasoning_is_sent_with_the_rest() -> None:
    thinker = ModelInfo("claude-x", thinking="always")
    asked = params(thinker, include_reasoning=True, response_format=AN_AGE)
    assert asked["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert asked["output_config"].keys() == {"format"}


@pytest.mark.parametrize(
    ("fields", "sent", "ignored"),
    [
        ({"reasoning": {"effort": "max"}}, {"output_config": {"effort": "max"}}, ()),
        (
            {"reasoning_effort": "low", "reasoning": {"effort": "max"}},
            {"output_config": {"effort": "low"}},
            (),
        ),
        ({"reasoning": {"summary": None}, "include_reasoning": False}, {}, ()),
    ],
)
def test_how_much_to_think_may_be_said_in_the_newer_way(
    fields: dict[str, object], sent: dict[str, object], ignored: tuple[str, ...]
) -> None:
    thinker = ModelInfo("claude-x", thinking="always")
    assert params(thinker, **fields) == {**params(thinker), **sent}
    assert translated(thinker, **fields).ignored == ignored


def test_what_cannot_be_done_is_reported_by_the_field_that_asked_for_it() -> None:
    wish = {"effort": "low", "summary": "auto"}
    assert translated(reasoning=wish).ignored == ("reasoning.effort", "reasoning.summary")
    assert translated(include_reasoning=True).ignored == ("include_reasoning",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"reasoning": 5}, "reasoning"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"reasoning": {"effort": "odd"}}, "reasoning.effort"),
        ({"reasoning": {"summary": 5}}, "reasoning.summary"),
        ({"include_reasoning": "yes"}, "include_reasoning"),
    ],
)
def test_a_wish_about_reasoning_that_is_wrong_is_named(
    fields: dict[str, object], param: str
) -> None:
    assert refused(**fields).param == param


@pytest.mark.parametrize("model", [OLD, NEW])
@pytest.mark.parametrize("fields", [{}, {"max_tokens": 7}, {"max_completion_tokens": 10**9}])
def test_what_asks_for_nothing_special_is_translated_as_anything_else_is(
    model: ModelInfo, fields: dict[str, object]
) -> None:
    fields = {**fields, "messages": [{"role": "system", "content": "Be brief."}, HI]}
    # An unknown field means nothing, and yet the request is no longer one of the usual ones.
    assert translated(model, **fields) == translated(model, **fields, x_moon=1)
