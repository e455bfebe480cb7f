"""How the fake upstream answers when a test has not scripted it: like the real API."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TypeAlias

from claude_gateway.testing.wire import error, message, text_stream

Reply: TypeAlias = tuple[int, dict[str, object] | list[bytes]]

MODELS: Mapping[str, str] = {
    "claude-sonnet-5-5": "Claude Sonnet 5.5",
    "claude-opus-5-5": "Claude Opus 5.5",
    "claude-haiku-5-5": "Claude Haiku 5.5",
}


def to(
    method: str, path: str, headers: Mapping[str, str], body: bytes, keys: Collection[str]
) -> Reply:
    """Status and answer: an object is JSON, a list is the frames of a stream."""
    refused = _refusal(headers, keys)
    if refused is not None:
        return refused
    match method, path:
        case "POST", "/v1/messages":
            return _message(body)
        case "POST", "/v1/messages/count_tokens":
            return _count(body)
        case "GET", "/v1/models":
            data = [_model(id_) for id_ in MODELS]
            first, last = data[0]["id"], data[-1]["id"]
            return 200, {"data": data, "has_more": False, "first_id": first, "last_id": last}
        case "GET", _ if (id_ := path.removeprefix("/v1/models/")) in MODELS:
            return 200, _model(id_)
        case _:
            return 404, error("not_found_error", "Not found")


def _refusal(headers: Mapping[str, str], keys: Collection[str]) -> Reply | None:
    key = headers.get("x-api-key")
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    if headers.get("origin") is not None:
        return 401, error("authentication_error", "CORS requests are not allowed.")
    if not key and not bearer:
        return 401, error("authentication_error", "x-api-key header is required")
    if (key and bearer) or (keys and (key or bearer) not in keys):
        return 401, error("authentication_error", "invalid x-api-key")
    if "anthropic-version" not in headers:
        return 400, error("invalid_request_error", "anthropic-version: header is required")
    return None


def _message(body: bytes) -> Reply:
    asked = _parse(body)
    for name in ("model", "messages", "max_tokens"):
        if name not in asked:
            return 400, error("invalid_request_error", f"{name}: Field required")
    model = str(asked["model"])
    if asked.get("stream"):
        return 200, text_stream("Hello", " world", model=model)
    return 200, message("Hello world", model=model)


def _count(body: bytes) -> Reply:
    asked = _parse(body)
    if "messages" not in asked:
        return 400, error("invalid_request_error", "messages: Field required")
    return 200, {"input_tokens": len(body) // 4}


def _parse(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _model(id_: str) -> dict[str, object]:
    return {
        "type": "model",
        "id": id_,
        "display_name": MODELS[id_],
        "created_at": "2026-09-22T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
