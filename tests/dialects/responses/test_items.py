"""Items of the Responses API become turns of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from claude_gateway import sse
from claude_gateway.dialects.responses.items import Told, conversation, items
from claude_gateway.dialects.responses.thoughts import packed
from claude_gateway.errors import InvalidRequest

THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
HIDDEN = {"type": "thinking", "thinking": "", "signature": "b3RoZXI="}
REDACTED = {"type": "redacted_thinking", "data": "Em8K"}
PNG = "iVBORw0KGgo="
HI: dict[str, object] = {"role": "user", "content": "Hi"}


def said(role: str, *texts: str, kind: str = "input_text", **extra: object) -> dict[str, object]:
    parts = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": parts, **extra}


def answered(*texts: str) -> dict[str, object]:
    return said("assistant", *texts, kind="output_text", id="msg_1", status="completed")


def call(call_id: str, arguments: str = "{}", name: str = "look") -> dict[str, object]:
    named = {"name": name, "arguments": arguments}
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, **named}


def result(call_id: str, output: object = "fine") -> dict[str, object]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def reasoning(*blocks: Mapping[str, object]) -> dict[str, object]:
    kept = packed(blocks)
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": kept}


def text(value: str) -> dict[str, object]:
    return {"type": "text", "text": value}


def use(call_id: str, name: str = "look", **given: object) -> dict[str, object]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def answer(call_id: str, content: object = "fine") -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def turns(*given: object, **told: bool) -> list[Any]:
    """As they are written upstream."""
    written: list[Any] = orjson.loads(sse.compact(conversation(given, None, Told(**told)).messages))
    return written


def refused(*given: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as failure:
        conversation(given)
    return failure.value


def test_a_string_is_what_the_user_says() -> None:
    assert turns(*items("Hi")) == [HI]


def test_messages_of_every_shape_become_turns() -> None:
    assert turns(HI, answered("Hello", "you"), said("user", "Bye")) == [
        HI,
        {"role": "assistant", "content": [text("Hello"), text("you")]},
        {"role": "user", "content": "Bye"},
    ]
    assert turns(HI, {"role": "assistant", "content": "Hello"}, HI)[1]["content"] == "Hello"


def test_instructions_come_before_what_the_system_says() -> None:
    given = [said("developer", "B"), {"role": "system", "content": "C"}, HI]
    assert conversation(given, "A").system == [text("A"), text("B"), text("C")]
    assert conversation([HI], " \n").system == []


def test_what_the_system_says_later_stays_where_the_model_takes_it() -> None:
    given = HI, answered("Hello"), HI, said("developer", "In French."), answered("Oui"), HI
    speaks = turns(*given, system_messages=True)
    assert [turn["role"] for turn in speaks][2:4] == ["user", "system"]
    assert turns(*given)[2]["content"] == [text("Hi"), text("In French.")]


def test_images_and_files_become_blocks() -> None:
    parts: list[dict[str, object]] = [
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/jpeg;base64,{PNG}"},
        {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file_1"},
        {"type": "input_file", "file_data": "JVBERi0xLjQK", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://x.test/a.pdf"},
        {"type": "input_file", "file_id": "file_2"},
    ]
    [turn] = turns({"role": "user", "content": parts})
    png = {"type": "base64", "media_type": "image/png", "data": PNG}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
    assert turn["content"] == [
        {"type": "image", "source": png},
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_2"}},
    ]


def test_audio_is_left_out_and_remembered() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    talk = conversation([{"role": "user", "content": [audio, {"type": "input_text", "text": "?"}]}])
    assert talk.audio
    assert talk.messages == [{"role": "user", "content": "?"}]


def test_how_closely_to_look_is_remembered() -> None:
    def looked(detail: object) -> set[str]:
        image = {"type": "input_image", "detail": detail, "image_url": "https://x.test/a.png"}
        return conversation([{"role": "user", "content": [image]}]).left_out

    assert [looked("high"), looked("auto"), looked(None)] == [{"detail"}, set(), set()]
    shown = [{"type": "input_image", "detail": "low", "image_url": "https://x.test/a.png"}]
    assert conversation([HI, call("a"), result("a", shown)]).left_out == {"detail"}


def test_a_breakpoint_of_the_cache_stays_where_it_is() -> None:
    marked = {"type": "input_text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}}
    [turn] = turns({"role": "user", "content": [marked]})
    assert turn["content"] == [{**text("Hi"), "cache_control": {"type": "ephemeral"}}]


def test_t01_calls_in_a_row_are_one_turn_and_so_are_their_results() -> None:
    given = (
        *(HI, answered("Wait."), call("a", '{"n":1}'), call("b", name="list")),
        *(result("b", "2"), result("a", "1"), said("user", "So?")),
    )
    assert turns(*given) == [
        HI,
        {"role": "assistant", "content": [text("Wait."), use("a", n=1), use("b", "list")]},
        {"role": "user", "content": [answer("a", "1"), answer("b", "2"), text("So?")]},
    ]


def test_t01_calls_and_results_may_alternate() -> None:
    assert turns(HI, call("a"), result("a"), call("b"), result("b"), answered("Done."), HI) == [
        HI,
        {"role": "assistant", "content": [use("a")]},
        {"role": "user", "content": [answer("a")]},
        {"role": "assistant", "content": [use("b")]},
        {"role": "user", "content": [answer("b")]},
        {"role": "assistant", "content": "Done."},
        HI,
    ]


def test_a_result_may_be_parts() -> None:
    image = {"type": "input_image", "detail": "auto", "image_url": "https://x.test/a.png"}
    output = [{"type": "input_text", "text": "Here:"}, image]
    [block] = turns(HI, call("a"), result("a", output))[2]["content"]
    source = {"type": "url", "url": "https://x.test/a.png"}
    assert block["content"] == [text("Here:"), {"type": "image", "source": source}]


def test_t14_an_empty_result_has_no_content() -> None:
    assert turns(HI, call("a"), result("a", ""))[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a"}
    ]


def test_t01_a_result_that_is_missing_can_be_filled_in() -> None:
    filled = turns(HI, call("a"), call("b"), result("b"), HI, fill_in=True)[2]["content"]
    assert [block.get("is_error", False) for block in filled[:2]] == [True, False]
    assert [block["tool_use_id"] for block in filled[:2]] == ["a", "b"]
    assert filled[2] == text("Hi")


@pytest.mark.parametrize("arguments", ["", " "])
def test_t12_a_call_without_arguments_has_an_empty_input(arguments: str) -> None:
    assert turns(HI, call("a", arguments), result("a"))[1]["content"] == [use("a")]


def test_t07_arguments_go_back_as_they_came() -> None:
    talk = conversation([HI, call("a", '{"n": 1.10, "big": 12345678901234567890123}'), result("a")])
    assert b'{"n": 1.10, "big": 12345678901234567890123}' in sse.compact(talk.messages)


def test_t23_a_tool_of_another_name_is_called_by_upstreams() -> None:
    talk = conversation([HI, call("a", name="fs.read"), result("a")])
    assert list(talk.tool_names) == ["fs.read"]
    [block] = orjson.loads(sse.compact(talk.messages[1]["content"]))
    assert block["name"].startswith("fs_read-x")


def test_t05_t06_thinking_goes_back_before_what_followed_it() -> None:
    given = (
        *(HI, reasoning(THOUGHT), answered("Wait."), reasoning(HIDDEN), reasoning(REDACTED)),
        *(call("a"), result("a"), reasoning(THOUGHT), answered("So."), HI),
    )
    assert turns(*given) == [
        HI,
        {"role": "assistant", "content": [THOUGHT, text("Wait."), HIDDEN, REDACTED, use("a")]},
        {"role": "user", "content": [answer("a")]},
        {"role": "assistant", "content": [THOUGHT, text("So.")]},
        HI,
    ]


def test_thinking_stays_where_the_system_speaks_in_between() -> None:
    given = HI, said("developer", "Now."), reasoning(THOUGHT), answered("So."), HI
    spoken = turns(*given, system_messages=True)
    assert spoken[1:3] == [
        {"role": "system", "content": "Now."},
        {"role": "assistant", "content": [THOUGHT, text("So.")]},
    ]


@pytest.mark.parametrize("content", [None, "", "gAAAAABo", "cgt1.W10=", "cgt1.!", 5])
def test_t09_reasoning_that_is_not_ours_is_left_out(content: object) -> None:
    summary = [{"type": "summary_text", "text": "Hm"}]
    other = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": content}
    assert turns(HI, other, answered("So."), HI)[1]["content"] == "So."


def test_a_turn_does_not_end_in_thinking() -> None:
    assert turns(HI, reasoning(THOUGHT), HI) == [{"role": "user", "content": [text("Hi")] * 2}]
    given = HI, answered("So."), reasoning(THOUGHT), HI, answered("And?"), HI
    assert [turn["content"] for turn in turns(*given)] == ["Hi", "So.", "Hi", "And?", "Hi"]


def test_another_model_is_not_shown_the_thinking() -> None:
    given = HI, reasoning(THOUGHT), answered("So."), HI
    assert turns(*given, thoughts=False)[1]["content"] == "So."


def test_what_upstreams_own_tools_did_is_left_out() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert turns(HI, search, answered("Found."), HI)[1]["content"] == "Found."


def test_calls_of_an_earlier_response_can_be_answered() -> None:
    talk = conversation([result("toolu_1"), HI], open_calls=["toolu_1"])
    written = orjson.loads(sse.compact(talk.messages))
    assert written[0]["content"][0] == answer("toolu_1")


def test_all_calls_of_an_earlier_response_must_have_their_results() -> None:
    with pytest.raises(InvalidRequest) as failure:
        conversation([result("toolu_1")], open_calls=["toolu_1", "toolu_2"])
    assert failure.value.code == "missing_tool_result"
    assert "'toolu_2'" in failure.value.message


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([5], "input[0]"),
        ([{}], "input[0]"),
        ([{"type": "item_reference", "id": "msg_1"}], "input[0]"),
        ([{"type": "computer_call"}], "input[0].type"),
        ([{"type": "custom_tool_call_output", "call_id": "a", "output": "x"}], "input[0].type"),
        ([{"type": 5}], "input[0].type"),
        ([{"type": "message"}], "input[0].role"),
        ([{"role": "tool", "content": "x"}], "input[0].role"),
        ([{"role": "user"}], "input[0].content"),
        ([{"role": "user", "content": 5}], "input[0].content"),
        ([{"role": "user", "content": [5]}], "input[0].content[0]"),
        ([{"role": "user", "content": [{"text": "x"}]}], "input[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "video"}]}], "input[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
        ([{"role": "user", "content": [{"type": "input_image"}]}], "input[0].content[0].image_url"),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}],
            "input[0].content[0].image_url",
        ),
        (
            [{"role": "user", "content": [{"type": "input_file"}]}],
            "input[0].content[0].file_data",
        ),
        (
            [{"role": "user", "content": [{"type": "input_file", "file_url": "x"}]}],
            "input[0].content[0].file_url",
        ),
        ([{"role": "system", "content": [{"type": "input_image"}]}], "input[0].content[0].type"),
        ([answered("Hello")], "input[0].role"),
        ([call("a")], "input[0]"),
        ([HI, {"type": "function_call"}], "input[1].call_id"),
        ([HI, {"type": "function_call", "call_id": "a"}], "input[1].name"),
        ([HI, call("a", "{"), result("a")], "input[1].arguments"),
        ([HI, call("a"), call("a")], "input[2].call_id"),
        ([HI, result("a")], "input[1].call_id"),
        ([HI, call("a"), result("a"), result("a")], "input[3].call_id"),
        ([HI, call("a"), {"type": "function_call_output", "call_id": "a"}], "input[2].output"),
        ([HI, call("a"), {"type": "function_call_output", "output": "x"}], "input[2].call_id"),
        ([HI, call("a"), HI], "input[1]"),
        ([HI, call("a"), call("b"), result("a"), answered("So.")], "input[2]"),
        ([said("system", "Be brief.")], "input"),
    ],
)
def test_what_is_wrong_is_named(given: list[object], param: str) -> None:
    error = refused(*given)
    assert error.param == param
    assert error.message.startswith(param)


@pytest.mark.parametrize("given", [[], 5, None, {"role": "user"}])
def test_input_is_a_string_or_items(given: object) -> None:
    with pytest.raises(InvalidRequest) as failure:
        items(given)
    assert failure.value.param == "input"
