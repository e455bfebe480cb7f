"""Keys are taken out of text; what only talks about keys stays readable."""

from __future__ import annotations

import time

import pytest

from claude_gateway import OWNER, Run
from claude_gateway.dialects.envelope import envelope
from claude_gateway.dialects.kept import RESPONSES, ended
from claude_gateway.dialects.mcp.messages import INVALID_PARAMS, RpcError, refusal
from claude_gateway.dialects.resources.mcp import AskedCall, written_refusal
from claude_gateway.errors import InvalidRequest
from claude_gateway.redaction import redacted, redacted_value
from claude_gateway.runs.outcome import final
from claude_gateway.types.turns import RunRecord


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad key sk-ant-own", "bad key sk-***"),
        ("sk-ant-api03-AbC_d-9 and more", "sk-*** and more"),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
        ("an Anthropic API key begins with sk-ant-", "an Anthropic API key begins with sk-ant-"),
        ("send 'Authorization: Bearer <key>'", "send 'Authorization: Bearer <key>'"),
        ("a task-oriented risk-averse model", "a task-oriented risk-averse model"),
        ("at https://eve:p@ss@example.org/x", "at https://***@example.org/x"),
        ("git+ssh://git@example.org/x", "git+ssh://***@example.org/x"),
        ("see https://example.org/@eve", "see https://example.org/@eve"),
        ("GET /x?key=abc&n=1&token=def", "GET /x?key=***&n=1&token=***"),
        ("/x?api_key=a%20b#c", "/x?api_key=***#c"),
        ("/x?X-Amz-Signature=ab&x=1", "/x?X-Amz-Signature=***&x=1"),
        ("code=1&client_secret=abc", "code=1&client_secret=***"),
        ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
        ("/x?max_tokens=5&monkey=see", "/x?max_tokens=5&monkey=see"),
        ("a key was chosen key=1 of 3", "a key was chosen key=1 of 3"),
        ("x-api-key: 0123456", "x-api-key: ***"),
        ("{'X-Api-Key': '0123456'}", "{'X-Api-Key': '***'}"),
        ("[(b'authorization', b'Basic abc123=')]", "[(b'authorization', b'Basic ***')]"),
        ("Authorization: plain-secret", "Authorization: ***"),
        ("the x-api-key header is required", "the x-api-key header is required"),
        ("Basic authentication is not known here", "Basic authentication is not known here"),
        ('{"password":"a \\"b","n":1}', '{"password":"***","n":1}'),
        (
            '"{\\"access_token\\": \\"abc\\", \\"n\\":1}"',
            '"{\\"access_token\\": \\"***\\", \\"n\\":1}"',
        ),
        ("{'client_secret': 'a b'}", "{'client_secret': '***'}"),
        ('{"input_tokens":12,"first_token_ms":3.1}', '{"input_tokens":12,"first_token_ms":3.1}'),
        ("the password: must be longer", "the password: must be longer"),
    ],
)
def test_s11_keys_are_masked_and_words_are_not(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_s11_fields_that_hold_credentials_are_masked_by_their_names() -> None:
    said = {"api_key": "a", "headers": {"Authorization": "b", "Accept": "c"}, "token": ["d"]}
    kept = {"key": "k", "max_tokens": 3, "password": None, "tokens": "t", "secret": ""}
    masked = {"api_key": "***", "headers": {"Authorization": "***", "Accept": "c"}, "token": ["d"]}
    assert redacted_value(said | kept) == masked | kept


@pytest.mark.parametrize(
    "text",
    [
        "a_" * 200_000,
        "?key" * 100_000,
        "://a" * 100_000,
        "://" + "a" * 400_000,
        '"api_key":"' + "a\\" * 200_000,
        "x-authorization" * 30_000,
        "client_secret-" * 30_000 + "=",
        "bearer " * 60_000,
    ],
)
def test_s11_a_long_text_does_not_take_long(text: str) -> None:
    once, began = text[: len(text) // 8], time.perf_counter()
    redacted(once)
    small = time.perf_counter() - began
    began = time.perf_counter()
    redacted(text)
    assert time.perf_counter() - began < 32 * small + 0.05


def test_s11_an_error_never_shows_a_key_that_upstream_repeated() -> None:
    details = {"why": ["\nsk-ant-own", {"sk-ant-own": "Bearer abcdefgh.own"}], "n": 1, "no": None}
    said = envelope(InvalidRequest("boom sk-ant-own", details=details), "req_1")
    assert "own" not in str(said)
    masked = {"why": ["\nsk-***", {"sk-***": "Bearer ***"}], "n": 1, "no": None}
    assert isinstance(said["error"], dict)
    assert said["error"]["details"] == masked


def test_s11_a_field_that_is_called_like_a_key_is_masked_as_well() -> None:
    said = envelope(InvalidRequest("Unknown.", param="metadata.sk-ant-api03-own"), "req_1")
    assert isinstance(said["error"], dict)
    assert said["error"]["param"] == "metadata.sk-***"


@pytest.mark.parametrize(
    "where", ["a response that broke off", "MCP", "a call not made", "a kept run"]
)
def test_s11_nobody_is_told_a_key_in_a_reason(where: str) -> None:
    why = InvalidRequest("boom sk-ant-tiger", param="a.sk-ant-tiger")
    run = Run("run_1", OWNER, "m", "b", "req_1", True, 0.0)
    told = {
        "a response that broke off": ended(RESPONSES, why, "req_1"),
        "MCP": refusal(1, RpcError(INVALID_PARAMS, why.message, {"requested": "sk-ant-tiger"})),
        "a call not made": written_refusal(AskedCall("s", "t", {}), why),
        "a kept run": final(RunRecord("run_1", "o", "openai", "m", 0.0), run, "failed", why),
    }
    assert "sk-***" in str(told[where])
    assert "tiger" not in str(told[where])
