"""Reading JSON, and saying which field is wrong."""

from __future__ import annotations

import pytest

from claude_gateway.dialects.fields import expect, optional, parse_object, passed_on, required
from claude_gateway.errors import InvalidRequest


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":"\xff"}', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as failure:
        parse_object(body)
    assert (failure.value.code, failure.value.param) == ("invalid_json", None)


def test_the_place_of_a_mistake_is_said() -> None:
    with pytest.raises(InvalidRequest, match="line 2, column 5"):
        parse_object(b'{"a":1,\n"b":?}')


def test_an_object_is_read() -> None:
    assert parse_object(b' {"a":{"b":[1,2.5,"x",null]}} ') == {"a": {"b": [1, 2.5, "x", None]}}


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        (True, int, "a must be a whole number, not true or false."),
        (1, bool, "a must be true or false, not a whole number."),
        (1.5, int, "a must be a whole number, not a number."),
        ("1", float, "a must be a number, not a string."),
        (None, str, "a must be a string, not null."),
        ({}, list, "a must be an array, not an object."),
        ([], dict, "a must be an object, not an array."),
    ],
)
def test_a_value_of_another_kind_is_refused(value: object, kind: type, why: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        expect(value, kind, "a")
    assert (failure.value.message, failure.value.param) == (why, "a")


def test_a_whole_number_is_a_number() -> None:
    assert expect(1, float, "a") == 1


def test_a_number_without_a_fraction_is_whole_however_it_is_written() -> None:
    (read,) = parse_object(b'{"a": 5.0}').values()
    found = expect(read, int, "a")
    assert (found, type(found)) == (5, int)


@pytest.mark.parametrize("written", [b"1e300", b"9007199254740993.0", b"1" + b"0" * 30])
def test_a_number_that_was_not_read_exactly_is_no_whole_one(written: bytes) -> None:
    (read,) = parse_object(b'{"a": %b}' % written).values()
    with pytest.raises(InvalidRequest, match="must be a whole number"):
        expect(read, int, "a")


def test_null_is_the_same_as_absent() -> None:
    assert optional({"a": None}, "a", str) is None
    assert optional({}, "a", str) is None
    assert optional({"a": ""}, "a", str) == ""


def test_what_is_required_must_be_there() -> None:
    with pytest.raises(InvalidRequest, match=r"b\.a is required and must be a string") as failure:
        required({"a": None}, "a", str, "b.")
    assert (failure.value.code, failure.value.param) == ("missing_field", "b.a")


def test_what_is_passed_on_can_be_written_again() -> None:
    assert passed_on({"a": nested(200)}, "a") == nested(200)
    with pytest.raises(InvalidRequest, match="nested too deeply") as failure:
        passed_on({"a": nested(250)}, "a", "b.")
    assert failure.value.param == "b.a"


def nested(levels: int) -> object:
    value: object = {}
    for _ in range(levels):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\ud83d\ud83d\ude00\uDE00", "\ufffd\U0001f600\ufffd"),
        (rb"\\ud83d \\\ud83d", "\\ud83d \\\ufffd"),
        (rb"\uD83D\n\u00e9", "\ufffd\n\u00e9"),
    ],
)
def test_half_a_character_is_replaced_and_whole_ones_stay(text: bytes, read: str) -> None:
    assert parse_object(b'{"a":"%b","%b":1}' % (text, text)) == {"a": read, read: 1}


def test_what_is_wrong_beside_half_a_character_is_still_told() -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        parse_object(rb'{"a":"\ud83d",}')
