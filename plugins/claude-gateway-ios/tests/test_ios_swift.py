"""The simulator decodes as Swift does."""

from __future__ import annotations

import pytest
from claude_gateway_ios.testing import DecodingError, decode, parse, table
from claude_gateway_ios.testing.swift import (
    Array,
    Bool,
    Dictionary,
    Double,
    Int,
    Iso8601,
    Kind,
    Object,
    Optional,
    String,
    Struct,
)

ONE = Struct(a=String(), b=Optional(Int()))


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        (Int(), b"1", 1),
        (Int(), b"1.0", 1),
        (Int(), b"1e3", 1000),
        (Int(), b"-9223372036854775808", -(2**63)),
        (Double(), b"1", 1.0),
        (Double(), b"0.0001", 0.0001),
        (Bool(), b"true", True),
        (String(), b'"\\ud83d\\ude00"', "😀"),
        (String(), '"😀"'.encode(), "😀"),
        (ONE, b'{"a":"x"}', {"a": "x", "b": None}),
        (ONE, b'{"a":"x","b":null,"c":[1]}', {"a": "x", "b": None}),
        (Array(ONE), b'[{"a":"x","b":2}]', [{"a": "x", "b": 2}]),
        (Dictionary(Int()), b'{"x":1,"y":2.0}', {"x": 1, "y": 2}),
        (Object(), b'{"x":[null]}', {"x": [None]}),
        (Iso8601(), b'"2025-08-29T12:00:00Z"', "2025-08-29T12:00:00Z"),
        (Iso8601(), b'"2025-08-29T12:00:00+02:00"', "2025-08-29T12:00:00+02:00"),
    ],
)
def test_what_fits_is_decoded(kind: Kind, body: bytes, value: object) -> None:
    assert decode(kind, body) == value


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        (Int(), b'"1"', ""),
        (Int(), b"1.5", ""),
        (Int(), b"true", ""),
        (Int(), b"9223372036854775808", ""),
        (Double(), b'"1"', ""),
        (Double(), b"1e999", ""),
        (Double(), b"NaN", ""),
        (Bool(), b"1", ""),
        (Bool(), b'"true"', ""),
        (String(), b"1", ""),
        (String(), b"null", ""),
        (ONE, b"{}", "a"),
        (ONE, b'{"a":null}', "a"),
        (ONE, b'{"A":"x"}', "a"),
        (ONE, b'{"a":"x","b":"2"}', "b"),
        (ONE, b'[{"a":"x"}]', ""),
        (Array(ONE), b'[{"a":"x"},{"a":"y"},{"b":1}]', "[2].a"),
        (Array(ONE), b'{"projects":[]}', ""),
        (Dictionary(Int()), b'{"x":1,"y":1.5}', ".y"),
        (Object(), b"[]", ""),
        (Object(), b'{"ignored":"\\ud83d"}', "ignored"),
        (Object(), b'{"\\ude00":1}', ""),
        (Object(), b'{"a":"\xff"}', ""),
        (Object(), b'{"a":1,}', ""),
        (Object(), b'{"a":"\n"}', ""),
        (Object(), b"[" * 600 + b"]" * 600, ""),
        (Iso8601(), b'"2025-08-29T12:00:00.123Z"', ""),
        (Iso8601(), b'"2025-08-29T12:00:00"', ""),
        (Iso8601(), b"1756468800", ""),
    ],
)
def test_one_mistake_anywhere_and_nothing_is_decoded(kind: Kind, body: bytes, path: str) -> None:
    with pytest.raises(DecodingError) as caught:
        decode(kind, body)
    if path:
        assert caught.value.path == path


@pytest.mark.parametrize(
    ("body", "first", "later"),
    [
        (b'{"ok":true,"version":"1","active_sessions":2}', True, True),
        (b'{"ok":false,"status":"healthy"}', False, False),
        (b'{"status":"healthy"}', None, True),
        (b'{"status":"degraded"}', None, False),
        (b'{"ok":"yes","status":"healthy"}', None, True),
        (b'{"ok":true,"version":1}', None, None),
        (b"{}", None, None),
    ],
)
def test_health_is_read_by_two_rules(body: bytes, first: bool | None, later: bool | None) -> None:
    for commit, wanted in (("C2", first), ("C3", later)):
        kind = table(commit)["health"]
        if wanted is None:
            with pytest.raises(DecodingError):
                decode(kind, body)
        else:
            health = decode(kind, body)
            assert isinstance(health, dict)
            assert health["ok"] is wanted


def test_json_is_parsed_whole_or_not_at_all() -> None:
    assert parse(b' {"a": [true, null]} ') == {"a": [True, None]}
    for body in (b"", b"{", b"{} {}", b"\xef\xbf"):
        with pytest.raises(DecodingError):
            parse(body)
