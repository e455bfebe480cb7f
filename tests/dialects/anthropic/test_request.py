"""A native request: read for what the gateway needs, passed on byte for byte."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_gateway.dialects.anthropic.request import read, with_model
from claude_gateway.errors import InvalidRequest

SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=200)
HELLO = b'{"model":"claude-x","messages":[{"role":"user","content":"Hi"}],"stream":true}'


def test_what_the_gateway_needs_is_read() -> None:
    asked = read(HELLO)
    assert (asked.body, asked.model, asked.stream) == (HELLO, "claude-x", True)
    assert asked.fields == orjson.loads(HELLO)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"messages": [1]}, "model", "missing_field"),
        ({"model": 5, "messages": [1]}, "model", "invalid_value"),
        ({"model": "m"}, "messages", "missing_field"),
        ({"model": "m", "messages": []}, "messages", "missing_field"),
        ({"model": "m", "messages": {"role": "user"}}, "messages", "invalid_value"),
        ({"model": "m", "messages": [1], "stream": "yes"}, "stream", "invalid_value"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: object, param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        read(orjson.dumps(fields))
    assert (failure.value.param, failure.value.code) == (param, code)


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidRequest) as failure:
        read(b"\xef\xbb\xbf" + HELLO)
    assert failure.value.code == "invalid_json"


def test_everything_else_is_upstreams_to_judge() -> None:
    read(b'{"model":"m","messages":["odd"],"max_tokens":"many","new":{"deep":' + deep(900) + b"}}")


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"old"}', b'{"model":"new"}'),
        (b' {\n "model" :\t"old" , "a": 1.0}\n', b' {\n "model" :\t"new" , "a": 1.0}\n'),
        (b'{"a":{"model":"x"},"model":"old"}', b'{"a":{"model":"x"},"model":"new"}'),
        (b'{"a":["model","model"],"model":"old"}', b'{"a":["model","model"],"model":"new"}'),
        (b'{"a":"model","model":"old"}', b'{"a":"model","model":"new"}'),
        (rb'{"mod\u0065l":"old"}', rb'{"mod\u0065l":"new"}'),
        (rb'{"m\u006fde":1,"model":"o\"l\\"}', rb'{"m\u006fde":1,"model":"new"}'),
        (b'{"model":"a","model":"b"}', b'{"model":"a","model":"new"}'),
        (b'{"model":{"model":"x"},"model":"b"}', b'{"model":{"model":"x"},"model":"new"}'),
        (
            '{"é😀":"\u2028","model":"old","ü":1e2}'.encode(),
            '{"é😀":"\u2028","model":"new","ü":1e2}'.encode(),
        ),
        (
            rb'{"a":"\\","b":"\"model\":","model":"old"}',
            rb'{"a":"\\","b":"\"model\":","model":"new"}',
        ),
        (b'{"a":"{[","model":"old"}', b'{"a":"{[","model":"new"}'),
        (b'{"a":{}}', b'{"a":{}}'),
        (rb'{"\ud83d":"\ud83d","model":"old"}', rb'{"\ud83d":"\ud83d","model":"new"}'),
    ],
)
def test_only_the_value_of_the_models_field_is_replaced(before: bytes, after: bytes) -> None:
    assert with_model(before, "new") == after


def test_a_name_is_written_as_json() -> None:
    assert with_model(b'{"model":"old"}', 'a"b') == rb'{"model":"a\"b"}'


def test_depth_and_long_numbers_do_not_matter() -> None:
    rest = b',"n":%b,"deep":%b}' % (b"1" * 300, deep(1020))
    orjson.loads(b'{"model":"old"' + rest)
    assert with_model(b'{"model":"old"' + rest, "new") == b'{"model":"new"' + rest


TEXT = st.text(max_size=8) | st.sampled_from(["model", '"model":', "{", "\\", '\\"'])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@SAME_EVERY_TIME
@given(
    st.dictionaries(TEXT, VALUES, max_size=4),
    st.dictionaries(TEXT, VALUES, max_size=4),
    TEXT,
    st.booleans(),
    st.sampled_from([None, 0, 1, "\t"]),
)
def test_no_other_byte_changes(
    first: dict[str, object],
    last: dict[str, object],
    model: str,
    ascii_only: bool,
    indent: int | str | None,
) -> None:
    first.pop("model", None)
    last.pop("model", None)

    def written(name: str) -> bytes:
        fields = {**first, "model": name, **last}
        return json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode()

    assert with_model(written(model), "other") == written("other")
