"""Keys are taken out of text; what only talks about keys stays readable."""

from __future__ import annotations

import pytest

from claude_gateway.dialects.envelope import envelope
from claude_gateway.errors import InvalidRequest
from claude_gateway.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad key sk-ant-own", "bad key sk-***"),
        ("sk-ant-api03-AbC_d-9 and more", "sk-*** and more"),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
        ("an Anthropic API key begins with sk-ant-", "an Anthropic API key begins with sk-ant-"),
        ("send 'Authorization: Bearer <key>'", "send 'Authorization: Bearer <key>'"),
        ("a task-oriented risk-averse model", "a task-oriented risk-averse model"),
    ],
)
def test_s11_keys_are_masked_and_words_are_not(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_s11_an_error_never_shows_a_key_that_upstream_repeated() -> None:
    details = {"why": ["\nsk-ant-own", {"sk-ant-own": "Bearer abcdefgh.own"}], "n": 1, "no": None}
    said = envelope(InvalidRequest("boom sk-ant-own", details=details), "req_1")
    assert "own" not in str(said)
    masked = {"why": ["\nsk-***", {"sk-***": "Bearer ***"}], "n": 1, "no": None}
    assert isinstance(said["error"], dict)
    assert said["error"]["details"] == masked
