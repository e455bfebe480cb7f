from __future__ import annotations

import json

import pytest
from claude_gateway_mock import MockBackend, parse_rules, script
from claude_gateway_mock.playing import words
from claude_gateway_mock.prompts import count, prompt_tokens

from claude_gateway import (
    Event,
    InvalidRequest,
    MessageStart,
    ModelRequest,
    TextDelta,
)


def ask(*contents: object, **params: object) -> ModelRequest:
    """A conversation in which user and assistant speak in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": content} for n, content in enumerate(contents)]
    return ModelRequest("mock", {"messages": messages, **params})


def result(text: object, **more: object) -> list[object]:
    return [{"type": "tool_result", "tool_use_id": "toolu_1", "content": text}, *more.values()]


async def message(request: ModelRequest, backend: MockBackend | None = None) -> dict[str, object]:
    answer = await (backend or MockBackend()).complete(request)
    assert json.loads(answer.body) == answer.message
    return dict(answer.message)


async def text(request: ModelRequest, backend: MockBackend | None = None) -> str:
    content = (await message(request, backend))["content"]
    assert isinstance(content, list)
    return "".join(block["text"] for block in content)


async def events(request: ModelRequest) -> list[Event]:
    return [event async for event in MockBackend().stream(request)]


@pytest.mark.parametrize(
    ("said", "answered", "usage"),
    [
        ("Hello there", "Hello! How can I help you today?", (10, 8)),
        ("hey", "Hello! How can I help you today?", (10, 8)),
        ("«Good morning»", "Hello! How can I help you today?", (10, 8)),
        ("Some Swift, please", "```swift\nstruct ContentView: View {...}\n```", (25, 150)),
        ("It fails, why?", "I encountered an error. Let me try again...", (15, 12)),
        ("An Exception!", "I encountered an error. Let me try again...", (15, 12)),
    ],
)
async def test_canned_answers_have_their_words_and_counts(
    said: str, answered: str, usage: tuple[int, int]
) -> None:
    whole = await message(ask(said))
    assert whole["content"] == [{"type": "text", "text": answered}]
    assert whole["stop_reason"] == "end_turn"
    counted = whole["usage"]
    assert isinstance(counted, dict)
    assert (counted["input_tokens"], counted["output_tokens"]) == usage


@pytest.mark.parametrize("said", ["Oh hi", "history", "decoder", "terror"])
async def test_parts_of_words_ask_for_nothing_canned(said: str) -> None:
    assert await text(ask(said)) == (
        f"This is the demo backend; no model was asked. You said “{said}”."
    )


async def test_a_long_question_is_quoted_in_part() -> None:
    assert (await text(ask("ä" * 5000))).endswith(" You said “" + "ä" * 200 + "…”.")


@pytest.mark.parametrize("content", ["", [], None, [{"type": "image"}, "stray"], [{"text": 5}]])
async def test_a_message_without_text_is_answered(content: object) -> None:
    assert (await text(ask(content))).endswith("Your message has no text.")


async def test_no_messages_at_all_are_answered() -> None:
    assert await text(ModelRequest("mock", {"messages": ["stray", {"role": "system"}]}))


async def test_half_a_surrogate_pair_is_quoted_as_a_question_mark() -> None:
    assert (await text(ask("\ud83d"))).endswith("You said “?”.")


async def test_the_same_request_gets_the_same_events_and_another_one_another_id() -> None:
    first, again, other = await events(ask("a")), await events(ask("a")), await events(ask("b"))
    assert first == again
    ids = [e.message["id"] for e in (*first, *other) if isinstance(e, MessageStart)]
    assert all(str(id_).startswith("msg_mock_") and len(str(id_)) == 33 for id_ in ids)
    assert ids[0] != ids[1]


async def test_the_model_that_was_asked_answers() -> None:
    assert (await message(ModelRequest("claude-x", {})))["model"] == "claude-x"


async def test_max_tokens_cut_the_text() -> None:
    whole = await message(ask("What now?", max_tokens=3))
    assert whole["content"] == [{"type": "text", "text": "This is the "}]
    assert whole["stop_reason"] == "max_tokens"
    assert isinstance(whole["usage"], dict)
    assert whole["usage"]["output_tokens"] == 3


async def test_max_tokens_leave_a_canned_answer_whole_when_its_text_fits() -> None:
    whole = await message(ask("Swift", max_tokens=100))
    assert whole["stop_reason"] == "end_turn"
    assert isinstance(whole["usage"], dict)
    assert whole["usage"]["output_tokens"] == 150


async def test_the_first_stop_sequence_cuts_before_itself() -> None:
    whole = await message(ask("What?", stop_sequences=["model", "", 7, "no ", "nowhere"]))
    assert whole["content"] == [{"type": "text", "text": "This is the demo backend; "}]
    assert (whole["stop_reason"], whole["stop_sequence"]) == ("stop_sequence", "no ")


async def test_a_stop_sequence_behind_max_tokens_is_not_reached() -> None:
    whole = await message(ask("What?", max_tokens=1, stop_sequences=["demo"]))
    assert whole["stop_reason"] == "max_tokens"


async def test_a_stop_sequence_at_the_start_leaves_nothing() -> None:
    whole = await message(ask("What?", stop_sequences=["This"]))
    assert whole["content"] == []
    assert whole["stop_reason"] == "stop_sequence"


async def test_text_comes_in_words() -> None:
    deltas = [e.text for e in await events(ask("hello")) if isinstance(e, TextDelta)]
    assert deltas == ["Hello! ", "How ", "can ", "I ", "help ", "you ", "today?"]


@pytest.mark.parametrize("said", ["", " ", "\n a  b\n", "x" * 100, "你好 👩‍👩‍👧‍👦", "a\u2028b"])
def test_words_make_the_same_text_again(said: str) -> None:
    assert "".join(words(said)) == said


@pytest.mark.parametrize(
    ("said", "tokens"), [("", 1), ("abcd", 1), ("abcde", 2), ("🦊🦊🦊🦊", 1), ("x" * 401, 101)]
)
def test_a_token_is_four_characters_begun(said: str, tokens: int) -> None:
    assert count(said) == tokens


async def test_all_text_of_a_prompt_is_counted() -> None:
    request = ask(
        "a" * 40,
        [
            {"type": "thinking", "thinking": "b" * 40},
            {"type": "tool_use", "name": "c" * 40, "input": {}},
        ],
        result([{"type": "text", "text": "d" * 40}], image={"type": "image", "source": "e" * 40}),
        system=[{"type": "text", "text": "f" * 40}],
        tools=[{"name": "g" * 29}],
    )
    assert prompt_tokens(request) == (5 * 40 + 2 + 40 - 0) // 4 + 1
    counted = await MockBackend().count_tokens(request)
    assert counted.body == b'{"input_tokens":61}'


async def test_a_tool_can_be_called_by_name() -> None:
    whole = await message(ask('!tool weather {"city": "Köln"}'))
    assert isinstance(whole["content"], list)
    (call,) = whole["content"]
    assert (call["type"], call["name"], call["input"]) == ("tool_use", "weather", {"city": "Köln"})
    assert call["id"].startswith("toolu_mock_")
    assert whole["stop_reason"] == "tool_use"


async def test_a_tool_can_be_called_without_input() -> None:
    whole = await message(ask("!tool now"))
    assert isinstance(whole["content"], list)
    assert whole["content"][0]["input"] == {}


@pytest.mark.parametrize("raw", ["{x}", '{"a": NaN}', '{"a": "\\ud83d"}', '{"a": 1} }'])
async def test_a_tool_s_input_must_be_json(raw: str) -> None:
    with pytest.raises(InvalidRequest, match="input of the tool"):
        await message(ask(f"!tool now {raw}"))


async def test_results_of_tools_are_quoted() -> None:
    blocks = [*result("12 °C"), *result([{"type": "text", "text": "rain"}])]
    assert await text(ask("!tool weather", "…", blocks)) == (
        "This is the demo backend. The tool answered “12 °C” and “rain”."
    )


async def test_an_answer_that_is_sent_back_is_followed_by_another() -> None:
    assert (await text(ask("hello", "Hel"))).startswith("Hello!")


async def test_a_request_nested_too_deeply_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        await message(ask("hello", extra=deep))
    while deep:  # taken apart by hand, for the sake of the garbage collector's stack
        deep = deep[0]  # type: ignore[assignment]


LOOP = [
    [{"tool": "look", "id": "toolu_1"}],
    [{"tool": "look", "id": "toolu_2"}],
    [{"text": "Done"}],
]


async def test_turns_script_a_loop_of_tools() -> None:
    said: list[object] = [script(turns=LOOP)]
    stops = []
    for _ in LOOP:
        whole = await message(ask(*said))
        stops.append(whole["stop_reason"])
        said += [whole["content"], result("seen")]
    assert stops == ["tool_use", "tool_use", "end_turn"]
    assert "The tool answered “seen”" in await text(ask(*said))


async def test_a_new_question_ends_a_script() -> None:
    said = (script(turns=LOOP), "…", "Now without", "…", result("seen"))
    assert "The tool answered “seen”" in await text(ask(*said))


async def test_rules_answer_what_they_match_and_leave_the_rest() -> None:
    rules = parse_rules(
        [
            {"match": "(?i)^ping", "steps": [{"text": "pong"}]},
            {"match": ".*loop", "turns": LOOP},
        ]
    )
    backend = MockBackend(rules=rules)
    assert await text(ask("PING!"), backend) == "pong"
    assert await text(ask("loop", "…", result("loop"), "…", result("x")), backend) == "Done"
    assert (await text(ask("hello"), backend)).startswith("Hello!")


async def test_a_rule_that_matches_everything_does_not_restart_at_results() -> None:
    backend = MockBackend(rules=parse_rules([{"match": "", "steps": [{"tool": "look"}]}]))
    more = {"type": "text", "text": "Go on"}
    assert "answered “seen”" in await text(ask("x", "…", result("seen", more=more)), backend)
