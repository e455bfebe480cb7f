"""Arguments that a tool wants in headers as well: which they are, and whether both say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from claude_gateway.dialects.mcp.headers import check_params, decoded_value
from claude_gateway.dialects.mcp.messages import RpcError
from claude_gateway.dialects.mcp.param_headers import params_of


def marked(kind: object, token: object = "T") -> dict[str, object]:
    return {"type": kind, "x-mcp-header": token}


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def test_arguments_are_found_through_properties() -> None:
    inner = schema(b=marked("integer", "Deep"))
    found = params_of(schema(a=marked("string", "Top"), o=inner, plain={"type": "string"}))
    assert [(param.name, param.header) for param in found] == [
        ("a", "Mcp-Param-Top"),
        ("o.b", "Mcp-Param-Deep"),
    ]
    assert found[1].value_in({"o": {"b": 7}}) == 7
    assert [found[1].value_in(a) for a in ({}, {"o": None}, {"o": 1})] == [None] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        schema(a=marked("number")),
        schema(a=marked(["string", "null"])),
        schema(a=marked("string", "")),
        schema(a=marked("string", "a b")),
        schema(a=marked("string", 7)),
        schema(a=marked("string"), b=marked("string", "t")),
        schema(a=marked("string"), b={"type": "array", "items": marked("string", "U")}),
        {**schema(a=marked("string")), "x-mcp-header": "Root"},
        {**schema(a=marked("string")), "$defs": {"d": marked("string", "U")}},
    ],
)
def test_a_schema_that_is_marked_wrongly_wants_nothing(wrong: Mapping[str, object]) -> None:
    assert params_of(wrong) == []


@pytest.mark.parametrize(
    ("kind", "value", "header"),
    [
        ("string", "eu", "eu"),
        ("string", "", ""),
        ("string", "ü", "=?base64?w7w=?="),
        ("string", "=?base64?w7w=", "=?base64?w7w="),
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("integer", 42, "42"),
        ("integer", 42.0, "42"),
        ("integer", 42, "42.0"),
        ("integer", -7, "-7"),
        ("integer", 2**63, str(2**63)),
    ],
)
def test_both_say_the_same(kind: str, value: object, header: str) -> None:
    check({"Mcp-Param-T": [header]}, {"a": value}, kind)


@pytest.mark.parametrize(
    ("kind", "value", "headers"),
    [
        ("string", "eu", []),
        ("string", None, ["eu"]),
        ("string", "eu", ["EU"]),
        ("string", "eu", ["eu", "eu"]),
        ("string", "u", ["=?base64?dQ?="]),
        ("string", "u", ["=?base64?/w==?="]),
        ("string", ["eu"], ["eu"]),
        ("boolean", True, ["True"]),
        ("integer", 42, ["42.5"]),
        ("integer", 42, ["4.2e1"]),
        ("integer", 42, ["1" * 10_000]),
        ("integer", True, ["1"]),
    ],
)
def test_two_things_are_said(kind: str, value: object, headers: Sequence[str]) -> None:
    with pytest.raises(RpcError) as refusal:
        check({"Mcp-Param-T": headers}, {"a": value}, kind)
    assert refusal.value.code == -32020
    assert "Mcp-Param-T" in refusal.value.message


def test_a_value_that_only_looks_encoded_is_literal() -> None:
    assert decoded_value("=?base64?w7w=?=") == "ü"
    assert decoded_value("=?base64?w7w=") == "=?base64?w7w="
    assert decoded_value("=?base64?w7x=?=") is None  # it has another spelling


def check(headers: Mapping[str, Sequence[str]], arguments: Mapping[str, object], kind: str) -> None:
    check_params(schema(a=marked(kind)), arguments, lambda name: headers.get(name, ()))
