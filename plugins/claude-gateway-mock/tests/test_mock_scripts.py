from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from claude_gateway_mock import MockBackend, parse_rules, script
from claude_gateway_mock.failures import STATUSES
from claude_gateway_mock.fields import ScriptError
from claude_gateway_mock.scripts import read_rules

from claude_gateway import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    GatewayError,
    InputDelta,
    InvalidRequest,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelRequest,
    Overloaded,
    Ping,
    RateLimited,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UpstreamError,
)


def ask(text: str) -> ModelRequest:
    return ModelRequest("mock", {"messages": [{"role": "user", "content": text}]})


async def play(*steps: Mapping[str, object]) -> list[Event]:
    return await events(script(*steps))


async def events(text: str, heard: list[Event] | None = None) -> list[Event]:
    heard = [] if heard is None else heard
    async for event in MockBackend().stream(ask(text)):
        heard.append(event)  # what was heard is kept when it fails
    return heard


def inside(heard: list[Event]) -> list[Event]:
    """What comes between the beginning and the end of a message."""
    assert [type(event) for event in heard[:2]] == [Accepted, MessageStart]
    assert [type(event) for event in heard[-2:]] == [MessageDelta, MessageStop]
    return heard[2:-2]


def ending(heard: list[Event]) -> MessageDelta:
    (delta,) = [event for event in heard if isinstance(event, MessageDelta)]
    return delta


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were slept, none of which pass."""
    waited: list[float] = []

    async def remember(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", remember)
    return waited


@pytest.mark.parametrize(
    "text",
    [
        '```mock\n[{"text": "yes"}]\n```',
        'Please:\n\n```mock\r\n[\n{"text": "yes"}\n]\n```\nThank you',
        '```mock [{"text": "yes"}]```',
        '  ```mock {"mock": [{"text": "yes"}]} ```',
        '```mock\n{"turns": [[{"text": "yes"}]]}\n```',
        '{"mock": [{"text": "yes"}]}',
        ' { "mock" : {"turns": [[{"text": "yes"}]]}} ',
    ],
)
async def test_a_script_is_found(text: str) -> None:
    assert TextDelta(0, "yes") in await events(text)


@pytest.mark.parametrize(
    "text", ['{"mocked": []}', "```mocked\n[]\n```", "```\n[]\n```", "x ```mock"]
)
async def test_what_is_no_script_is_left_alone(text: str) -> None:
    assert inside(await events(text))


async def test_fences_inside_a_text_do_not_end_the_script() -> None:
    code = "```swift\nlet x = 1\n```\n"
    deltas = [e.text for e in await play({"text": code}) if isinstance(e, TextDelta)]
    assert "".join(deltas) == code


async def test_pieces_of_text_share_a_block_until_another_one_comes() -> None:
    heard = await play({"text": "a "}, {"ping": True}, {"text": "b"}, {"think": "c"}, {"text": "d"})
    assert inside(heard) == [
        BlockStart(0, {"type": "text", "text": ""}),
        TextDelta(0, "a "),
        Ping(),
        TextDelta(0, "b"),
        BlockStop(0),
        BlockStart(1, {"type": "thinking", "thinking": "", "signature": ""}),
        ThinkingDelta(1, "c"),
        SignatureDelta(1, "bW9jaw=="),
        BlockStop(1),
        BlockStart(2, {"type": "text", "text": ""}),
        TextDelta(2, "d"),
        BlockStop(2),
    ]


async def test_tools_thoughts_and_unknown_blocks_are_played() -> None:
    heard = await play(
        {"think": "Hm", "signature": "sig"},
        {"tool": "look", "input": {"at": "🦊 and 🐻"}, "id": "toolu_9"},
        {"tool": "wait"},
        {"block": {"type": "server_thing", "x": [1]}},
    )
    blocks = [event.block for event in heard if isinstance(event, BlockStart)]
    assert blocks[1] == {"type": "tool_use", "id": "toolu_9", "name": "look", "input": {}}
    assert blocks[3] == {"type": "server_thing", "x": [1]}
    pieces = [e.partial_json for e in heard if isinstance(e, InputDelta) and e.index == 1]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"at": "🦊 and 🐻"}
    assert [e.partial_json for e in heard if isinstance(e, InputDelta) and e.index == 2] == [""]
    assert SignatureDelta(0, "sig") in heard
    assert ending(heard).delta["stop_reason"] == "tool_use"


async def test_an_answer_in_one_piece_has_the_same_blocks() -> None:
    steps: list[Mapping[str, object]] = [
        {"think": "Hm", "signature": "sig"},
        {"text": "a b"},
        {"block": {"type": "text", "text": "whole"}},
        {"tool": "look", "input": {"a": 1}, "id": "t1"},
        {"tool": "wait", "id": "t2"},
    ]
    answer = await MockBackend().complete(ask(script(*steps)))
    assert answer.message["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "sig"},
        {"type": "text", "text": "a b"},
        {"type": "text", "text": "whole"},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "wait", "input": {}},
    ]
    assert b": " not in answer.body


async def test_text_can_be_repeated_delta_by_delta() -> None:
    heard = await play({"repeat": 200, "text": "a b"})
    assert [e for e in heard if isinstance(e, TextDelta)] == [TextDelta(0, "a b")] * 200


async def test_other_tasks_get_their_turn_in_a_stream_without_pauses(waits: list[float]) -> None:
    await play({"repeat": 640, "text": "x"})
    assert waits == [0] * 10


async def test_usage_and_the_end_can_be_told() -> None:
    heard = await play(
        {"usage": {"input_tokens": 5, "cache_read_input_tokens": 7}},
        {"stop": "refusal", "details": {"category": "cyber"}},
        {"text": "abcde"},
    )
    (start,) = [event for event in heard if isinstance(event, MessageStart)]
    counted = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7}
    assert start.message["usage"] == {**counted, "output_tokens": 1}
    assert ending(heard).usage == {**counted, "output_tokens": 2}
    assert ending(heard).delta == {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"category": "cyber"},
    }


async def test_the_sequence_that_stopped_it_can_be_told() -> None:
    heard = await play({"stop": "end_turn"}, {"stop": "stop_sequence", "sequence": "END"})
    assert ending(heard).delta == {"stop_reason": "stop_sequence", "stop_sequence": "END"}


async def test_an_answer_can_cost_nothing() -> None:
    heard = await play({"usage": {"output_tokens": 0}})
    assert inside(heard) == []
    assert ending(heard).usage["output_tokens"] == 0


async def test_a_failure_first_comes_before_the_first_byte() -> None:
    heard: list[Event] = []
    fail = {"fail": {"status": 429, "message": "Slower.", "retry_after": 3}}
    with pytest.raises(RateLimited, match="Slower") as caught:
        await events(script({"stall": 0}, {"pace": 0}, fail, {"text": "never"}), heard)
    assert caught.value.retry_after == 3
    assert heard == []


async def test_a_failure_later_comes_in_mid_stream() -> None:
    heard: list[Event] = []
    with pytest.raises(Overloaded, match="529"):
        await events(script({"text": "a"}, {"fail": {"status": 529}}), heard)
    assert heard[-1] == TextDelta(0, "a")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 529])
async def test_every_status_is_an_error_of_that_status(status: int) -> None:
    with pytest.raises(GatewayError) as caught:
        await MockBackend().complete(ask(script({"fail": {"status": status}})))
    assert caught.value.status == status
    assert type(caught.value) is STATUSES[status]


async def test_a_stream_can_break_off() -> None:
    heard: list[Event] = []
    with pytest.raises(UpstreamError, match="in the middle"):
        await events(script({"text": "a"}, {"cut": True}), heard)
    assert not any(isinstance(event, MessageStop) for event in heard)


async def test_a_stall_first_delays_everything(waits: list[float]) -> None:
    stream = MockBackend().stream(ask(script({"stall": 2.5}, {"text": "a"})))
    assert await anext(stream) == Accepted()
    assert waits == [2.5]
    await stream.aclose()


async def test_pauses_are_between_deltas_and_can_be_changed(waits: list[float]) -> None:
    backend = MockBackend(pace=0.5, first_delay=4)
    request = ask(
        script({"text": "a b c"}, {"pace": 20}, {"text": "d"}, {"pace": 0}, {"think": "e"})
    )
    assert [event async for event in backend.stream(request)]
    assert waits == [4, 0.5, 0.5, 0.02]


async def test_an_answer_in_one_piece_has_no_pace_but_stalls(waits: list[float]) -> None:
    backend = MockBackend(pace=0.5, first_delay=4)
    await backend.complete(ask(script({"text": "a b"}, {"stall": 3}, {"pace": 9}, {"text": "c d"})))
    assert waits == [3]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([1], "step 1: a step is an object, not int"),
        ([{}], "step 1: a step has one of .* has nothing"),
        ([{"text": "a"}, {"txt": "b"}], "step 2: a step has one of .* has txt"),
        ([{"text": "a", "cut": True}], "has text and cut"),
        ([{"text": "a", "pase": 1}], "'pase' does not belong beside repeat, text"),
        ([{"text": 1}], "'text' must be text, not 1"),
        ([{"text": "a", "repeat": -1}], "'repeat' must be a whole number from 0 to 1000000"),
        ([{"text": "a", "repeat": True}], "'repeat' must be a whole number"),
        ([{"text": "a" * 100, "repeat": 1_000_000}], "'repeat' makes more than 16000000"),
        ([{"think": "a", "signature": None}], "'signature' must be text, not None"),
        ([{"tool": "a", "input": []}], r"'input' must be an object, not \[\]"),
        ([{"block": {}}], "'type' is missing; it must be text"),
        ([{"block": "text"}], "'block' must be an object"),
        ([{"ping": 1}], "'ping' must be true, not 1"),
        ([{"cut": False}], "'cut' must be true, not False"),
        ([{"stall": "1"}], "'stall' must be a number from 0 to 3600"),
        ([{"stall": True}], "'stall' must be a number"),
        ([{"stall": 3601}], "'stall' must be a number"),
        ([{"pace": -1}], "'pace' must be a number from 0 to 60000"),
        ([{"usage": 7}], "'usage' must be an object"),
        ([{"stop": None}], "'stop' must be text"),
        ([{"fail": 500}], "'fail' must be an object"),
        ([{"fail": {}}], "'status' is missing"),
        ([{"fail": {"status": 418}}], "'status' must be one of 400, .*, not 418"),
        ([{"fail": {"status": 429, "retry_after": "soon"}}], "'retry_after' must be a number"),
        ([{"fail": {"status": 429, "retry": 1}}], "'retry' does not belong"),
        ("text", "steps are a list, not str"),
        ({"turns": []}, "'turns' must be a list of lists"),
        ({"turns": [[], {}]}, "turn 2, steps are a list, not dict"),
        ({"turns": [[], [{"cut": 1}]]}, "turn 2, step 1: 'cut' must be true"),
        ({"mock": [], "turns": []}, "'turns' does not belong beside mock"),
        ({"turn": []}, "'turn' does not belong beside turns"),
    ],
)
async def test_a_script_that_is_wrong_is_refused_by_name(steps: object, why: str) -> None:
    with pytest.raises(InvalidRequest, match=f"The script for the mock backend is wrong: .*{why}"):
        await events(f"```mock\n{json.dumps(steps)}\n```")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```mock\n[\n```", "it is not JSON: Expecting value"),
        ("```mock\n", "it is not JSON"),
        ("```mock\n[] and more\n```", "other than the closing fence"),
        ("```mock\n[]\n", "other than the closing fence"),
        ('{"mock": []} and more', "after the JSON comes something else"),
        ('{"mock": [{"text": "\\ud83e"}]}', "half a surrogate pair"),
        ('{"mock": [{"usage": {"a": 1e999}}]}', "not JSON"),
        ('{"mock": ' + "[" * 100_000, "nested too deeply"),
    ],
)
async def test_json_that_is_wrong_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        await events(text)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({}, "rules are a list of objects"),
        ([{"match": "a", "steps": []}, 5], "rule 2: a rule is an object"),
        ([{"match": "a"}], "rule 1: a rule has either 'steps' or 'turns'"),
        ([{"match": "a", "steps": [], "turns": [[]]}], "rule 1: a rule has either"),
        ([{"steps": []}], "rule 1: 'match' is missing; it must be text"),
        ([{"match": "(", "steps": []}], "rule 1: 'match' is no regular expression: missing"),
        ([{"match": "a", "steps": [{"cut": 1}]}], "rule 1: step 1: 'cut' must be true"),
        ([{"match": "a", "turns": [[], 1]}], "rule 1: turn 2, steps are a list"),
        ([{"match": "a", "staps": []}], "rule 1: 'staps' does not belong"),
    ],
)
def test_rules_that_are_wrong_are_refused_by_number(rules: object, why: str) -> None:
    with pytest.raises(ScriptError, match=why):
        parse_rules(rules)


def test_rules_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('\ufeff\n[{"match": "a", "steps": []}]\n', "utf-8")
    (rule,) = read_rules(file)
    assert rule.match.pattern == "a"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[", "it is not JSON"),
        (b"[] []", "something else"),
        (b'[{"match": "a"}]', "rule 1"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"rules.json: .*{why}"):
        read_rules(file)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.json cannot be read: No such file"):
        read_rules(tmp_path / "none.json")
