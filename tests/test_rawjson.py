"""JSON that stays as it was written."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway import RawJson, sse

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=300)

NUMBERS = st.from_regex(
    r"-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?", fullmatch=True
)


def written(value: object) -> str:
    """As a backend would write it."""

    def copied(raw: object) -> orjson.Fragment:
        assert isinstance(raw, RawJson)
        return orjson.Fragment(raw.text)

    return orjson.dumps(value, default=copied).decode()


@SAME_EVERY_TIME
@given(st.lists(NUMBERS, max_size=5))
def test_t07_every_number_is_written_as_it_was_read(numbers: list[str]) -> None:
    text = f'{{"n":[{",".join(numbers)}]}}'
    assert written(RawJson.parse(text)) == text
    assert written(RawJson.parse(text.encode())) == text


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("1", 1),
        ("-7", -7),
        ("0.5", 0.5),
        ("1.10", RawJson("1.10")),
        ("-0", RawJson("-0")),
        ("1e2", RawJson("1e2")),
        ("123456789012345678901", RawJson("123456789012345678901")),
        ("1" * 5000, RawJson("1" * 5000)),
        ('"1.10"', "1.10"),
    ],
    ids=lambda value: str(value)[:25],
)
def test_ordinary_numbers_are_ordinary_values(text: str, parsed: object) -> None:
    found = RawJson.parse(text)
    assert (found, type(found)) == (parsed, type(parsed))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_json_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RawJson.parse(text)


def test_it_is_a_value() -> None:
    one = RawJson('{"n":1.10}')
    assert one == RawJson('{"n":1.10}')
    assert one not in (RawJson('{"n":1.1}'), '{"n":1.10}')
    assert len({one, RawJson('{"n":1.10}')}) == 1
    assert one.value == {"n": 1.1}
    assert (str(one), repr(one)) == ('{"n":1.10}', """RawJson('{"n":1.10}')""")


def test_it_is_copied_into_what_is_written_for_clients_but_stays_on_one_line() -> None:
    assert sse.compact({"a": RawJson('{"n" : 1.10,\n\r\t"b":"\\n"}')}) == (
        b'{"a":{"n" : 1.10,  \t"b":"\\n"}}'
    )


def test_half_a_character_in_it_is_replaced_for_clients() -> None:
    raw = RawJson(r'{"a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d"}')
    assert sse.compact(raw) == rb'{"a":"\ufffd","b":"\ud83d\ude00","c":"\\ud83d"}'


@pytest.mark.parametrize(
    ("text", "nearest"), [("1.10", 1.1), ("1" * 30, int("1" * 30)), ("1" * 5000, "1" * 5000)]
)
def test_beside_half_a_character_the_nearest_value_is_written(text: str, nearest: object) -> None:
    assert json.loads(sse.compact(["\ud83d", RawJson(text)])) == ["\ufffd", nearest]


@pytest.mark.parametrize("beside", ["fine", "\ud83d"])
def test_other_things_are_not_written(beside: str) -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        sse.compact([beside, object()])
