"""JSON answers, and failures with the headers that clients obey."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from claude_gateway import (
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    Unauthorized,
    UpstreamError,
)
from claude_gateway.errors import MethodNotAllowed, PayloadTooLarge
from claude_gateway.web.replies import bytes_reply, failure, json_reply


def test_json_is_compact_and_says_what_it_is() -> None:
    reply = json_reply({"a": [1, "ü"]}, 201, {"x-a": "b"})
    assert reply.body == '{"a":[1,"ü"]}'.encode()
    assert (reply.status, reply.headers["x-a"]) == (201, "b")
    assert reply.content_type == "application/json"


def test_bytes_are_sent_as_they_are() -> None:
    assert bytes_reply(b'{"a": 1}').body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (InvalidRequest("x"), 400, {}),
        (InvalidRequest("x", retry_after=0.1), 400, {"Retry-After": "1"}),
        (Unauthorized("x"), 401, {"WWW-Authenticate": "Bearer"}),
        (NotFound("x"), 404, {}),
        (MethodNotAllowed("x", "GET"), 405, {"Allow": "GET"}),
        (PayloadTooLarge("x"), 413, {"Connection": "close"}),
        (RateLimited("x", retry_after=0), 429, {"Retry-After": "0", "x-should-retry": "true"}),
        (RateLimited("x", should_retry=False), 429, {}),
        (InternalError("x"), 500, {}),
        (
            UpstreamError("x", retry_after=59.5),
            502,
            {"Retry-After": "60", "x-should-retry": "true"},
        ),
        (Overloaded("x"), 529, {"Retry-After": "5", "x-should-retry": "true"}),
        (Overloaded("x", retry_after=9), 529, {"Retry-After": "9", "x-should-retry": "true"}),
    ],
    ids=[
        "wrong",
        "wrong now",
        "stranger",
        "missing",
        "method",
        "large",
        "fast",
        "fast and final",
        "defect",
        "upstream",
        "overloaded",
        "overloaded for a while",
    ],
)
def test_a_failure_has_its_status_and_its_headers(
    error: GatewayError, status: int, headers: Mapping[str, str]
) -> None:
    reply = failure(error, "req_1")
    assert reply.status == status
    said = {name: value for name, value in reply.headers.items() if name not in USUAL}
    closed = {"Connection": "close"} if reply.keep_alive is False else {}
    assert said | closed == {**FINAL, **headers}


FINAL = {"x-should-retry": "false"}
USUAL = ("Content-Type", "Content-Length")


def test_the_envelope_names_the_status_that_is_sent() -> None:
    reply = failure(Overloaded("Busy.", param="x"), "req_1", 503)
    assert isinstance(reply.body, bytes)
    assert reply.status == 503
    assert json.loads(reply.body) == {
        "type": "error",
        "error": {
            "code": "overloaded",
            "message": "Busy.",
            "status": 503,
            "type": "overloaded_error",
            "param": "x",
        },
        "request_id": "req_1",
    }
