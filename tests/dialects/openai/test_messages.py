"""A history in OpenAI's words becomes turns of the Messages API."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_gateway.dialects.openai.messages import conversation
from claude_gateway.errors import InvalidRequest
from claude_gateway.sse import compact
from claude_gateway.types.rawjson import RawJson

HI = {"role": "user", "content": "Hi"}


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object = None, *calls: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def call(call_id: str, arguments: object = "{}", name: str = "look") -> dict[str, object]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def result(call_id: str, content: object = "fine") -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text(value: str) -> dict[str, object]:
    return {"type": "text", "text": value}


def use(call_id: str, name: str = "look", **given: object) -> dict[str, object]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def answer(call_id: str, content: object = "fine") -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def written_up(messages: object) -> bytes:
    """As a backend writes them."""

    def copied(value: object) -> orjson.Fragment:
        assert isinstance(value, RawJson)
        return orjson.Fragment(value.text)

    return orjson.dumps(messages, default=copied)


def turns(*messages: object) -> list[Any]:
    """As they are written upstream."""
    written: list[Any] = orjson.loads(written_up(conversation(messages).messages))
    return written


def refused(*messages: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        conversation(messages)
    return failure.value


def test_turns_of_plain_text_stay_plain() -> None:
    assert turns(HI, assistant("Hello"), user("Bye")) == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_what_the_system_says_first_stands_apart(role: str) -> None:
    parts = [{"type": "text", "text": "Rhyme.", "cache_control": {"type": "ephemeral"}}]
    talk = conversation(
        [{"role": role, "content": "Be brief."}, {"role": "system", "content": parts}, HI]
    )
    assert talk.system == [text("Be brief."), *parts]
    assert talk.messages == [HI]


def test_the_gateways_own_system_prompt_comes_before_all() -> None:
    talk = conversation([{"role": "system", "content": "B"}, HI], "A")
    assert talk.system == [text("A"), text("B")]


@pytest.mark.parametrize("blank", ["", " \n", [], None, [text(" ")]])
def test_t14_a_system_prompt_without_words_is_none(blank: object) -> None:
    own = blank if isinstance(blank, str) else None
    assert conversation([{"role": "system", "content": blank}, HI], own).system == []


def test_what_the_system_says_later_belongs_to_the_users_turn() -> None:
    later = {"role": "developer", "content": "Now in French."}
    talk = conversation([HI, assistant("Hello"), later, user("Bye")])
    assert talk.system == []
    assert talk.messages[2] == {"role": "user", "content": [text("Now in French."), text("Bye")]}
    assert turns(HI, later) == [{"role": "user", "content": [text("Hi"), text("Now in French.")]}]


def test_turns_of_the_same_role_are_merged() -> None:
    assert turns(HI, user("there"), assistant("A"), assistant([text("B")]), user("C")) == [
        {"role": "user", "content": [text("Hi"), text("there")]},
        {"role": "assistant", "content": [text("A"), text("B")]},
        {"role": "user", "content": "C"},
    ]


def test_t01_results_are_one_turn_in_the_order_of_the_calls() -> None:
    asked = assistant("Wait.", call("a", '{"n":1}'), call("b", name="list"), call("c"))
    assert turns(HI, asked, result("c", "3"), result("a", "1"), result("b", "2"), user("So?")) == [
        HI,
        {
            "role": "assistant",
            "content": [text("Wait."), use("a", n=1), use("b", "list"), use("c")],
        },
        {
            "role": "user",
            "content": [answer("a", "1"), answer("b", "2"), answer("c", "3"), text("So?")],
        },
    ]


def test_t01_what_the_user_says_between_results_comes_after_them() -> None:
    [*_, last] = turns(
        HI,
        assistant(None, call("a"), call("b")),
        user("Quick!"),
        result("b"),
        {"role": "system", "content": "Be kind."},
        result("a"),
    )
    assert last["content"] == [answer("a"), answer("b"), text("Quick!"), text("Be kind.")]


def test_t01_several_rounds_of_calls_keep_their_order() -> None:
    found = turns(
        HI, assistant(None, call("a")), result("a"), assistant("Then", call("b")), result("b")
    )
    assert [turn["role"] for turn in found] == ["user", "assistant"] * 2 + ["user"]
    assert found[2]["content"] == [answer("a")]
    assert found[4]["content"] == [answer("b")]


def test_t01_a_missing_result_is_named() -> None:
    error = refused(HI, assistant(None, call("a"), call("b")), result("a"), assistant("Done"))
    assert (error.param, error.code) == ("messages[1].tool_calls", "missing_tool_result")
    assert "'b'" in error.message
    assert "'a'" not in error.message


def test_t01_results_may_not_be_missing_at_the_end_either() -> None:
    assert refused(HI, assistant(None, call("a"))).code == "missing_tool_result"


def test_t01_missing_results_are_errors_where_the_client_wants_to_go_on() -> None:
    history = [HI, assistant(None, call("a"), call("b"), call("c:0")), result("b"), user("So?")]
    talk = conversation(history, fill_in=True)
    said = orjson.loads(compact(talk.messages))[-1]["content"]
    calls = orjson.loads(compact(talk.messages))[1]["content"]
    assert [block["tool_use_id"] for block in said[:3]] == [block["id"] for block in calls]
    assert said[1] == answer("b")
    assert said[3] == text("So?")
    for missing in (said[0], said[2]):
        assert missing["is_error"] is True
        assert "no result" in missing["content"]


def test_t01_a_result_of_no_call_is_not_filled_in() -> None:
    with pytest.raises(InvalidRequest) as failure:
        conversation([HI, result("ghost")], fill_in=True)
    assert failure.value.param == "messages[1].tool_call_id"


@pytest.mark.parametrize(
    ("flag", "sent"), [(True, {"is_error": True}), (False, {}), (None, {})], ids=str
)
def test_a_result_may_say_that_it_is_an_error(flag: object, sent: dict[str, object]) -> None:
    [*_, last] = turns(HI, assistant(None, call("a")), {**result("a", "lost"), "is_error": flag})
    assert last["content"] == [{**answer("a", "lost"), **sent}]


def test_a_result_of_no_call_is_refused() -> None:
    error = refused(HI, result("ghost"))
    assert error.param == "messages[1].tool_call_id"
    assert "'ghost'" in error.message


def test_a_result_of_an_earlier_round_is_refused() -> None:
    error = refused(HI, assistant(None, call("a")), result("a"), assistant("Done"), result("a"))
    assert error.param == "messages[4].tool_call_id"


def test_a_second_result_of_one_call_is_refused() -> None:
    error = refused(HI, assistant(None, call("a")), result("a"), result("a"))
    assert error.param == "messages[3].tool_call_id"


def test_two_calls_of_one_turn_need_two_ids() -> None:
    error = refused(HI, assistant(None, call("a"), call("a")))
    assert error.param == "messages[1].tool_calls[1].id"


def test_an_id_that_upstream_would_not_take_is_replaced_in_call_and_result() -> None:
    history = (
        HI,
        assistant(None, call("functions.look:0"), call("")),
        result(""),
        result("functions.look:0"),
    )
    calls, results = (turn["content"] for turn in turns(*history)[1:])
    ids = [block["id"] for block in calls]
    assert ids == [block["tool_use_id"] for block in results]
    assert all(id_.startswith("call_") and id_.isascii() for id_ in ids)
    assert len(set(ids)) == 2
    assert turns(*history) == turns(*history)


def test_an_id_that_is_used_again_in_a_later_turn_becomes_unique() -> None:
    round_ = assistant(None, call("call_0")), result("call_0")
    first, second = turns(HI, *round_, *round_)[1::2]
    assert first["content"][0]["id"] == "call_0"
    assert second["content"][0]["id"].startswith("call_")
    assert second["content"][0]["id"] != "call_0"
    assert turns(HI, *round_)[1] == first  # what was sent before stays as it was


@pytest.mark.parametrize("content", [None, "", " \n", [], [text("")], [text(" ")]])
def test_t14_a_call_needs_no_words(content: object) -> None:
    assert turns(HI, assistant(content, call("a")), result("a"))[1]["content"] == [use("a")]


@pytest.mark.parametrize("content", [None, "", " \n", [], [text("")]])
def test_t14_an_empty_answer_leaves_no_turn(content: object) -> None:
    assert turns(HI, assistant(content), user("Well?")) == [
        {"role": "user", "content": [text("Hi"), text("Well?")]}
    ]


@pytest.mark.parametrize("content", [None, "", " ", [], [text("")]])
def test_t14_a_tool_may_have_nothing_to_say(content: object) -> None:
    [*_, last] = turns(HI, assistant(None, call("a")), result("a", content))
    assert last["content"] == [{"type": "tool_result", "tool_use_id": "a"}]


@pytest.mark.parametrize("content", [None, "", " \n\t", [], [text("")]])
def test_t14_a_user_must_say_something(content: object) -> None:
    error = refused(HI, user(content))
    assert (error.param, error.message) == (
        "messages[1].content",
        "messages[1].content must not be empty.",
    )


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "A"}], [assistant("")]])
def test_somebody_must_say_something(messages: list[object]) -> None:
    assert refused(*messages).param == "messages"


def test_a_result_may_have_parts_and_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    cached = {**text("b"), "cache_control": {"type": "ephemeral"}}
    [*_, last] = turns(HI, assistant(None, call("a")), result("a", [text("see"), image, cached]))
    source = {"type": "url", "url": "https://x.test/a.png"}
    assert last["content"][0]["content"] == [
        text("see"),
        {"type": "image", "source": source},
        cached,
    ]


def test_a_refusal_in_the_history_is_what_was_said() -> None:
    said = [{"type": "refusal", "refusal": "No."}, text("Sorry.")]
    assert turns(HI, assistant(said), user("Why?"))[1]["content"] == [text("No."), text("Sorry.")]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No."), ("", "No."), ("Well", [text("Well"), text("No.")])]
)
def test_a_refusal_beside_the_content_is_not_lost(content: object, said: object) -> None:
    refusing = {**assistant(content), "refusal": "No."}
    assert turns(HI, refusing, user("Why?")) == [
        HI,
        {"role": "assistant", "content": said},
        user("Why?"),
    ]


def test_t09_reasoning_that_comes_back_is_not_made_into_thinking() -> None:
    said = {**assistant("Hello"), "reasoning_content": "Hm", "refusal": None, "audio": None}
    assert turns(HI, said, user("Bye"))[1] == {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize("arguments", ["", "  \n", None])
def test_arguments_may_be_empty(arguments: object) -> None:
    assert turns(HI, assistant(None, call("a", arguments)), result("a"))[1]["content"] == [use("a")]


@pytest.mark.parametrize(
    "arguments",
    [
        '{"z":1,"a":2}',
        ' {\n  "n" : 123456789012345678901234567890 , "f":1.0e2, "m": -0.0 }\n',
        r'{"e":"\u00e9\/","p":"\ud83d\ude00"}',
        '{"deep":' + "[" * 900 + "]" * 900 + "}",
        '{"nul":"\\u0000"}',
    ],
)
def test_t07_arguments_go_up_byte_for_byte(arguments: str) -> None:
    talk = conversation([HI, assistant(None, call("a", arguments)), result("a")])
    assert b'"input":%b}' % arguments.encode() in written_up(talk.messages)


@pytest.mark.parametrize(
    ("arguments", "mended"),
    [
        (r'{"e":"\ud83d"}', r'{"e":"\ufffd"}'),
        (r'{"e":"\uDE00 \ud83d\ude00 \\ud83d \n"}', r'{"e":"\ufffd \ud83d\ude00 \\ud83d \n"}'),
    ],
)
def test_half_a_character_in_arguments_is_replaced(arguments: str, mended: str) -> None:
    talk = conversation([HI, assistant(None, call("a", arguments)), result("a")])
    assert b'"input":%b}' % mended.encode() in written_up(talk.messages)


@pytest.mark.parametrize(
    "arguments", ["{", "[]", "null", '"a"', "1", "{} {}", '{"a":NaN}', "[" * 9999]
)
def test_arguments_must_be_an_object(arguments: str) -> None:
    error = refused(HI, assistant(None, call("a"), call("b", arguments, "list")))
    assert error.param == "messages[1].tool_calls[1].function.arguments"
    assert "'list'" in error.message


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("Hi", "messages[1]"),
        ({"content": "Hi"}, "messages[1].role"),
        ({"role": 5, "content": "Hi"}, "messages[1].role"),
        ({"role": "wizard", "content": "Hi"}, "messages[1].role"),
        ({"role": "function", "name": "f", "content": "Hi"}, "messages[1].role"),
        (user(5), "messages[1].content"),
        (user({"type": "text"}), "messages[1].content"),
        (user(["Hi"]), "messages[1].content[0]"),
        (user([{}]), "messages[1].content[0].type"),
        (user([{"type": 5}]), "messages[1].content[0].type"),
        ({"role": "system", "content": 5}, "messages[1].content"),
        ({"role": "system", "content": [5]}, "messages[1].content[0]"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "messages[1].content[0].type"),
        ({"role": "system", "content": [{"type": "refusal"}]}, "messages[1].content[0].type"),
        (assistant(5), "messages[1].content"),
        (assistant([{"type": "refusal"}]), "messages[1].content[0].refusal"),
        ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls"),
        (assistant("", 5), "messages[1].tool_calls[0]"),
        ({**assistant("a"), "refusal": 5}, "messages[1].refusal"),
        ({**assistant("a"), "function_call": {"name": "f"}}, "messages[1].function_call"),
        (assistant("", {"type": "custom"}), "messages[1].tool_calls[0].type"),
        (assistant("", {"type": "function"}), "messages[1].tool_calls[0].function"),
        (assistant("", {"function": 5}), "messages[1].tool_calls[0].function"),
        (assistant("", {"id": "a", "function": {}}), "messages[1].tool_calls[0].function.name"),
        (
            assistant("", {"id": "a", "function": {"name": ""}}),
            "messages[1].tool_calls[0].function.name",
        ),
        (assistant("", {"function": {"name": "a"}}), "messages[1].tool_calls[0].id"),
        (assistant("", {**call("a"), "id": 5}), "messages[1].tool_calls[0].id"),
        (assistant("", call("a", {"n": 1})), "messages[1].tool_calls[0].function.arguments"),
        ({"role": "tool", "content": "x"}, "messages[1].tool_call_id"),
        ({"role": "tool", "tool_call_id": 5, "content": "x"}, "messages[1].tool_call_id"),
    ],
)
def test_what_is_wrong_is_named(message: object, param: str) -> None:
    assert refused(HI, message).param == param


def test_the_tools_that_were_called_are_known_in_their_order() -> None:
    asked = assistant(None, call("a", name="z"), call("b", name="a"), call("c", name="z"))
    talk = conversation([HI, asked, result("a"), result("b"), result("c")])
    assert list(talk.tool_names) == ["z", "a"]


@pytest.mark.parametrize(
    "messages",
    [
        [HI] * 100_000,
        [HI, assistant("A")] * 50_000,
        [{"role": "system", "content": "S"}] * 99_999 + [HI],
        [
            HI,
            assistant(None, *(call(f"c{i}", name=f"n{i}") for i in range(50_000))),
            *(result(f"c{i}") for i in reversed(range(50_000))),
        ],
    ],
    ids=["one role", "two roles", "system", "calls"],
)
def test_a_hundred_thousand_messages_take_time_in_proportion(messages: list[object]) -> None:
    begun = time.process_time()
    assert conversation(messages).messages
    assert time.process_time() - begun < 5  # what takes time squared takes minutes


def test_nul_and_huge_strings_pass() -> None:
    huge = "x" * 2_000_000 + "\x00"
    assert turns(user(huge), assistant(huge), {**user("a"), huge: huge})[0]["content"] == huge


def among(*messages: object) -> list[Any]:
    """The turns for a model that lets the system speak among them."""
    talk = conversation(messages, system_messages=True)
    assert talk.system == []
    written: list[Any] = orjson.loads(written_up(talk.messages))
    return written


NOTE = {"role": "developer", "content": "Be brief."}
SAID = {"role": "system", "content": "Be brief."}
YES = {"role": "assistant", "content": "Yes"}


def test_the_system_may_speak_among_the_turns() -> None:
    assert among(HI, NOTE) == [HI, SAID]
    assert among(HI, NOTE, YES, HI) == [HI, SAID, YES, HI]


def test_the_system_speaks_after_the_user_not_before() -> None:
    assert among(HI, YES, NOTE, HI) == [HI, YES, HI, SAID]
    both = user([text("Hi"), text("Hi")])
    assert among(HI, NOTE, HI, YES, HI) == [both, SAID, YES, HI]


def test_the_system_speaks_once_between_two_turns_of_others() -> None:
    twice = {"role": "system", "content": [text("Be brief."), text("Be brief.")]}
    assert among(HI, NOTE, assistant(""), NOTE, YES, HI) == [HI, twice, YES, HI]


def test_the_system_speaks_after_the_results_of_calls() -> None:
    found = among(HI, assistant(None, call("a")), NOTE, result("a"))
    assert found[2:] == [user([answer("a")]), SAID]


def test_where_no_user_has_spoken_the_systems_text_is_the_users() -> None:
    assert among(HI, YES, NOTE) == [HI, YES, user("Be brief.")]
    assert among(HI, YES, NOTE, YES) == [HI, YES, user("Be brief."), YES]


def test_t19_what_the_system_says_later_changes_nothing_before() -> None:
    earlier = among(HI, NOTE)
    assert among(HI, NOTE, YES, HI, NOTE)[: len(earlier)] == earlier


def test_other_models_get_the_systems_text_in_the_users_turn() -> None:
    assert turns(HI, NOTE) == [user([text("Hi"), text("Be brief.")])]


@pytest.mark.parametrize("before", [[], [SAID], [{"role": "assistant", "content": ""}]])
def test_a_conversation_does_not_begin_with_the_assistant(before: list[object]) -> None:
    error = refused(*before, YES, HI)
    assert (error.param, error.code) == (f"messages[{len(before)}].role", "invalid_value")


def test_the_assistant_does_not_begin_with_a_call_either() -> None:
    assert refused(assistant(None, call("a")), result("a")).param == "messages[0].role"


def became(messages: list[dict[str, object]], prompt: str | None, *, free: bool) -> object:
    try:
        talk = conversation(messages, prompt, system_messages=free)
    except InvalidRequest as refusal:
        return refusal.param, refusal.message
    return talk.system, talk.messages


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("system", "developer", "user", "assistant", "tool", "bard")),
            st.sampled_from(("", " \n", "Hi", "Well, ", 7, None)),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from((None, " ", "Be brief.")),
    st.booleans(),
)
def test_a_conversation_in_plain_text_becomes_what_it_would_among_others(
    said: list[tuple[str, object]], prompt: str | None, free: bool
) -> None:
    plain: list[dict[str, object]] = [{"role": role, "content": words} for role, words in said]
    # A field that means nothing; but it might, so that every message is read with care.
    others = [{**message, "name": "Ann"} for message in plain]
    assert became(plain, prompt, free=free) == became(others, prompt, free=free)


def test_a_conversation_is_plain_when_every_message_is_text_and_nothing_else() -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        HI,
        {"role": "assistant", "content": "Yes?"},
    ]
    assert conversation(said).plain
    assert not conversation([*said[:2], {**said[2], "name": "Ann"}]).plain
    assert not conversation([user([{**text("Hi"), "cache_control": {"type": "ephemeral"}}])]).plain
