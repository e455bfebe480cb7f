"""Every input of every route, with a canary in it: made from the table of routes and from the sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from claude_gateway.testing.raw import chat_body, message_body, response_body
from tests.wire.mcp.conftest import BOTH, standing_alone

ROOT = Path(__file__).resolve().parent.parent.parent
# Words are somebody's: they are kept, and shown to whom they belong, but never told of in a log.
WORD = "CANARY-word-2b9f61d0"
# What looks like a key is masked wherever something is told, and kept where it is somebody's words.
KEYLIKE = "sk-ant-api03-CANARYkeylike-7c41e802"
# What came as a credential is nobody's words. It is in no file either.
CREDENTIAL = "sk-ant-api03-CANARYcredential-51d2a9f3"
PROMPT = "CANARY-prompt-e6034b7a"  # not even in an error
CONTENT = {"content", "system", "input", "instructions", "arguments", "text"}
# By these a request is told from others, in the log as well: a client's own is kept where it is sane.
TOLD = {"x-request-id"}
# With these it would be another request, or none.
FRAMING = {
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "content-encoding",
}
USUAL_HEADERS = (
    *(
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-type",
        "cookie",
        "dnt",
        "expect",
    ),
    *(
        "forwarded",
        "from",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "origin",
        "pragma",
        "range",
        "referer",
    ),
    *(
        "proxy-authorization",
        "sec-ch-ua",
        "sec-fetch-site",
        "te",
        "user-agent",
        "via",
        "traceparent",
        "tracestate",
    ),
    *(
        "baggage",
        "cf-connecting-ip",
        "true-client-ip",
        "openai-organization",
        "openai-project",
        "x-amzn-trace-id",
    ),
)
_HEADER = re.compile(
    r"\"((?:x|mcp|anthropic|idempotency|last|access-control-request)-[a-z-]*[a-z])\"", re.IGNORECASE
)
_PARAMETER = re.compile(r"query(?:\.get\(|, |\) or )\"(\w+)\"")
_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a canary: `prompt` is whether it is in somebody's words to a model."""

    method: str
    path: str
    body: bytes | Mapping[str, object] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    prompt: bool = False


def found_in_sources(what: re.Pattern[str]) -> list[str]:
    """Return the names that the gateway and its plugins read."""
    folders = (ROOT / "claude_gateway", *ROOT.glob("plugins/*/claude_gateway_*"))
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return sorted(
        {name.lower() for file in files for name in what.findall(file.read_text("utf-8"))}
    )


HEADERS = sorted({*USUAL_HEADERS, *found_in_sources(_HEADER)} - TOLD - FRAMING)
PARAMETERS = sorted({*found_in_sources(_PARAMETER), "limit", "offset", "q", "unknown"})
# By these a request is refused, or becomes another one; beside them the rest would not be read.
DECIDING = {
    *("accept", "content-type", "expect", "idempotency-key", "origin", "range", "x-api-key"),
    "x-gateway-profile",
}
TOGETHER = [name for name in HEADERS if name not in DECIDING and not name.startswith("mcp-")]
ONE_BY_ONE = {
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/mcp/tools/call",
    "/v1/models",
    "/mcp",
}
# What they say is a name that the caller gives to something, to find it again.
NAMING = {"x-gateway-session-id", "x-gateway-project-id", "idempotency-key"}
SECRET_PARAMETERS = ("api_key", "key", "token", "access_token", "password", "x-api-key")


def headers(path: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of headers, each for a request of its own."""
    for name in HEADERS if path in ONE_BY_ONE else ():
        yield name, KEYLIKE if name in NAMING else CREDENTIAL
        yield name, WORD
    for value in (CREDENTIAL, f"Bearer {CREDENTIAL}", f"Basic {CREDENTIAL}", f"Digest {WORD}"):
        yield "authorization", value
        yield "proxy-authorization", value
    for value in (CREDENTIAL, WORD, f"{WORD}\xe4", f"cg-{CREDENTIAL}"):
        yield "x-api-key", value
    yield "referer", f"https://somebody:{CREDENTIAL}@example.org/?token={CREDENTIAL}"
    yield "traceparent", f"00-{'a' * 32}-{'b' * 16}-01-{CREDENTIAL}"
    yield "baggage", f"user={WORD}"


def paths(path: str, *, reads: bool) -> Iterator[str]:
    """Yield the path of a route with canaries for its parts and in its query."""
    usual = _PART.sub("none", path)
    for value in (WORD, KEYLIKE):
        for _ in _PART.finditer(path):
            yield _PART.sub(value, path)
        yield f"{usual}/{value}"
        yield f"{usual}?{value}"
        yield f"{usual}?{value}=1"
        yield f"{usual}?{'&'.join(f'{name}={quote(value)}' for name in PARAMETERS)}"
    for name in PARAMETERS if reads else ():
        yield f"{usual}?{name}={quote(KEYLIKE)}"
    for name in SECRET_PARAMETERS:
        yield f"{usual}?{name}={quote(CREDENTIAL)}"
        yield f"{usual}?{name}={quote(WORD)}"


TOOLS = [
    {
        "type": "function",
        "function": {"name": "roll", "description": "Rolls", "parameters": {"type": "object"}},
    }
]
CALL = {
    "server": "tiny",
    "tool": "echo",
    "arguments": {"text": "a"},
    "session_id": "s1",
    "audit_log": True,
}
MCP, MCP_HEADERS = standing_alone("tools/call", BOTH, name="tiny__echo", arguments={"text": "a"})
SESSION = {"title": "a", "model": "sonnet", "metadata": {"b": "c"}, "project_id": "p", "id": "s"}
TALK: Mapping[str, object] = {
    "session_id": "s1",
    "project_id": "p1",
    "user": "u",
    "metadata": {"k": "v"},
    "stop": ["x"],
    "if_busy": "queue",
    "mcp": {"enabled_servers": ["tiny"], "profile": "p"},
}
# What each route takes that takes a body; all others are sent one that they do not want.
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/v1/chat/completions": chat_body(
        tools=TOOLS, tool_choice="auto", response_format={"type": "text"}, n=1, **TALK
    ),
    "/v1/messages": message_body(
        system="Be brief.",
        stop_sequences=["x"],
        metadata={"user_id": "u"},
        thinking={"type": "disabled"},
        tools=[{"name": "roll", "description": "Rolls", "input_schema": {"type": "object"}}],
    ),
    "/v1/messages/count_tokens": chat_body(system="Be brief."),
    "/v1/responses": response_body(
        instructions="Be brief.",
        previous_response_id="resp_1",
        conversation="c1",
        text={"format": {"type": "text"}},
        metadata={"k": "v"},
        user="u",
    ),
    "/v1/projects": {"name": "a", "description": "b", "path": "/workspace/c"},
    "/v1/projects/{id}": {"name": "a", "description": "b"},
    "/v1/projects/{id}/members/{user}": {"role": "viewer"},
    "/v1/sessions": SESSION,
    "/v1/sessions/{id}": {"title": "a", "metadata": {"b": "c"}, "status": "archived"},
    "/v1/sessions/{id}/fork": {"title": "a", "at": "b", "id": "c"},
    "/v1/sessions/{id}/messages": {"role": "user", "content": "a"},
    "/v1/sessions/{id}/tools": {"enabled_tools": ["a"], "profile": "b"},
    "/v1/runs/{run_id}/approvals/{tool_call_id}": {"decision": "deny", "reason": "a", "arguments": {}},
    "/v1/mcp/servers/{server_id}/tools/{tool}/approve": {"digest": "a"},
    "/v1/mcp/tools/call": CALL,
    "/v1/mcp/tools/fanout": {"calls": [CALL], "mode": "all"},
    "/v1/admin/keys": {
        "name": "a", "user": "b", "scopes": ["chat"], "models": ["c"], "expires": "1d", "budget": "5/day",
        "projects": ["d"],
    },
    "/v1/admin/keys/{id}": {"name": "a", "scopes": ["chat"], "models": ["c"]},
    "/v1/admin/keys/{id}/rotate": {"grace": "1s"},
    "/v1/admin/users": {"name": "a", "rpm": 1},
    "/v1/admin/users/{id}": {"disabled": "a", "name": "b", "rpm": 1},
    "/v1/admin/budgets/{kind}/{subject}/{period}": {"limit": 1, "soft": 0.5},
    "/mcp": MCP,
    "/mcp/{server_id}": MCP,
}  # fmt: skip


def bodies(path: str) -> Iterator[tuple[bytes | Mapping[str, object], bool]]:
    """Yield bodies with canaries, and whether these are words to a model."""
    usual = BODIES.get(path, {})
    yield usual, False
    for value in (WORD, KEYLIKE):
        yield {**usual, value: value}, False
        yield {**usual, "unknown": {"api_key": value}}, False
        yield f'{{"key":"{value}", oops'.encode(), False
        yield f'"{value}"'.encode(), False
        for field_ in _leaves(usual):
            if "jsonrpc" in usual and field_ == ("id",):
                continue  # by which the client knows its request
            prompt = not CONTENT.isdisjoint(field_)
            yield _changed(usual, field_, value), False
            if prompt:
                yield _changed(usual, field_, PROMPT), True
            # A kind that is wrong is told of, and what it was must not be.
            yield _changed(usual, field_, [{"type": value, value: value}]), False
    if "stream" in str(path) or path in {"/v1/chat/completions", "/v1/messages", "/v1/responses"}:
        for name in CONTENT & set(usual):
            yield {**usual, "stream": True, name: PROMPT}, True


def _leaves(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, (*at, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(part, (*at, number))
    else:
        yield at


def _changed(value: Any, at: tuple[str | int, ...], new: object) -> Any:
    if not at:
        return new
    if isinstance(value, list):
        return [_changed(p, at[1:], new) if n == at[0] else p for n, p in enumerate(value)]
    return {n: _changed(p, at[1:], new) if n == at[0] else p for n, p in value.items()}


def inputs(method: str, path: str) -> Iterator[Asked]:
    """Yield requests for a route, with a canary in each of its inputs."""
    usual = _PART.sub("none", path)
    sends = method in {"POST", "PUT", "PATCH"}
    content: Mapping[str, object] | bytes = BODIES.get(path, {}) if sends else b""
    for value in (CREDENTIAL, WORD):
        named = dict.fromkeys(NAMING & {*TOGETHER}, WORD)
        yield Asked(method, usual, content, dict.fromkeys(TOGETHER, value) | named)
    for name, value in headers(path):
        yield Asked(method, usual, content, {name: value})
    for target in paths(path, reads=method == "GET"):
        yield Asked(method, target, content)
    if sends:
        for body, prompt in bodies(path):
            yield Asked(method, usual, body, MCP_HEADERS if "/mcp" in path[:4] else {}, prompt)
