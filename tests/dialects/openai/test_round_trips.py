"""T-07: JSON that a model or a client wrote comes out as it went in, however odd it looks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway import sse
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.messages import conversation
from claude_gateway.dialects.openai.numbers import with_exact_numbers
from claude_gateway.dialects.openai.request import read, translate
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.models.table import shipped_models
from claude_gateway.types.events import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
)

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=300)
HI = {"role": "user", "content": "Hi"}

# Pieces of JSON text, spelled as no writer of our own would spell them.
BLANKS = st.sampled_from(["", "", " ", "\n\t", "\r\n"])
NUMBERS = st.sampled_from(
    ["0", "-0", "-0.0", "1.10", "1E+2", "1e-7", "0.1000", "1" * 40, "-" + "9" * 30, "2.5e300"]
) | st.integers().map(str)
WHOLE = st.sampled_from(
    [
        r"\ud83d\ude00",
        "😀",
        r"\u00e9",
        "é",
        r"\/",
        r"\\",
        r"\"",
        r"\n",
        r"\u0000",
        r"\\ud83d",
        "\u2028",
    ]
)
HALVES = st.sampled_from([r"\ud83d", r"\uDE00"])
PLAIN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=5
)


def texts(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(pieces, max_size=4).map(lambda parts: f'"{"".join(parts)}"')


@st.composite
def objects(draw: st.DrawFn, strings: st.SearchStrategy[str]) -> str:
    """The text of an object; no key stands twice."""

    def spaced(text: str) -> str:
        return f"{draw(BLANKS)}{text}{draw(BLANKS)}"

    def value(depth: int) -> str:
        kind = draw(st.integers(0, 5 if depth else 3))
        if kind == 4:
            return f"[{','.join(spaced(value(depth - 1)) for _ in range(draw(st.integers(0, 3))))}]"
        if kind == 5:
            return mapping(depth - 1)
        words = st.sampled_from(["true", "false", "null"])
        return draw([strings, NUMBERS, NUMBERS, words][kind])

    def mapping(depth: int) -> str:
        fields = [
            f"{spaced(json.dumps(f'k{n}'))}:{spaced(value(depth))}"
            for n in range(draw(st.integers(0, 3)))
        ]
        return "{" + ",".join(fields) + draw(BLANKS) + "}"

    return spaced(mapping(3))


SOUND = objects(texts(PLAIN | WHOLE))
CUT = objects(texts(PLAIN | WHOLE | HALVES))


def exact(text: str) -> Any:
    """Parse it; a number is how it is spelled."""
    return json.loads(text, parse_int=lambda n: ("n", n), parse_float=lambda n: ("n", n))


def made_whole(value: Any) -> Any:
    """The same with every half of a character lost."""
    return json.loads(sse.whole_characters(json.dumps(value, ensure_ascii=False)))


def history(arguments: str) -> list[dict[str, Any]]:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "a", "content": "fine"}
    return [HI, {"role": "assistant", "content": None, "tool_calls": [call]}, result]


@SAME_EVERY_TIME
@given(SOUND)
def test_t07_what_a_call_was_given_goes_up_byte_for_byte(arguments: str) -> None:
    body = parse_object(json.dumps({"messages": history(arguments)}).encode())
    params = translate(read(body), shipped_models()[0]).params
    written = orjson.dumps(params, default=lambda raw: orjson.Fragment(raw.text))
    if not arguments.strip():
        arguments = "{}"
    assert b'"input":%b}' % arguments.encode() in written


@SAME_EVERY_TIME
@given(CUT)
def test_t07_half_a_character_is_lost_and_nothing_else(arguments: str) -> None:
    written = sse.compact(conversation(history(arguments)).messages).decode()
    [block] = exact(written)[1]["content"]
    assert made_whole(block["input"]) == made_whole(exact(arguments))
    assert not re.search(r"[\ud800-\udfff]", written)


@SAME_EVERY_TIME
@given(SOUND)
def test_t07_an_answer_in_one_piece_gives_a_call_what_the_model_wrote(given_: str) -> None:
    call = f'{{"type":"tool_use","id":"a","name":"look","input":{given_}}}'
    body = f'{{"id":"m","model":"x","content":[{call}],"stop_reason":"tool_use","usage":{{}}}}'
    message = with_exact_numbers(orjson.loads(body), body.encode())
    said = json.loads(sse.compact(completion(message, 1)))
    [call] = said["choices"][0]["message"]["tool_calls"]
    assert exact(call["function"]["arguments"]) == exact(given_)


@SAME_EVERY_TIME
@given(SOUND, st.data())
def test_t07_a_stream_gives_a_call_the_very_text(given_: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(given_)), max_size=4)))
    pieces = [given_[a:b] for a, b in zip([0, *cuts], [*cuts, len(given_)], strict=True)]
    assert arguments(pieces) == given_


def arguments(pieces: Sequence[str]) -> str:
    """What a client puts together of a call's input that comes in these pieces."""
    start = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
    events: list[Event] = [
        MessageStart({"id": "m", "usage": {}}),
        BlockStart(0, start),
        *(InputDelta(0, piece) for piece in pieces),
        BlockStop(0),
        MessageDelta({"stop_reason": "tool_use"}),
        MessageStop(),
    ]
    frames = ChatStream(1, "m", include_usage=False).feed(events).decode().split("\n\n")[:-2]
    deltas = [json.loads(frame.removeprefix("data: "))["choices"][0]["delta"] for frame in frames]
    called = [call for delta in deltas for call in delta.get("tool_calls", [])]
    return "".join(call["function"]["arguments"] for call in called)
