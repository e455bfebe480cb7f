"""What a request says about its session."""

from __future__ import annotations

import pytest

from claude_gateway import InvalidRequest
from claude_gateway.dialects.session_fields import SessionFields, session_fields


def test_nothing_said_is_no_session() -> None:
    assert not session_fields({}).in_session
    assert not session_fields({"session_id": None, "project_id": None}).in_session
    assert not session_fields({"session_id": ""}).in_session


def test_what_is_said_is_read_from_fields_and_else_from_headers() -> None:
    fields = {"session_id": "A-1", "on_disconnect": "cancel", "if_busy": "queue"}
    headers = {"x-gateway-session-id": "other", "x-gateway-project-id": "p"}
    assert session_fields(fields, headers) == SessionFields("A-1", "p", "cancel", "queue")
    assert session_fields({}, headers) == SessionFields("other", "p")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", 5),
        ("session_id", "a b"),
        ("session_id", "../etc"),
        ("project_id", "x" * 129),
        ("project_id", "\u0000"),
        ("on_disconnect", "later"),
        ("if_busy", True),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        session_fields({field: value})
    assert refused.value.param == field
