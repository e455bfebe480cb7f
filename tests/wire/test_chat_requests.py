"""What a chat request says and the way it takes, through the real process."""

from __future__ import annotations

from typing import Any

import pytest

from claude_gateway.dialects.openai.request import REPORTED
from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask, chat_body, message_body, refused
from claude_gateway.testing.wire import MODEL

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
LOST: dict[str, Any] = {
    "model": MODEL,
    "messages": [
        HI,
        {
            "role": "assistant",
            "tool_calls": [
                {"id": id_, "type": "function", "function": {"name": "look", "arguments": "{}"}}
                for id_ in ("call_a", "call_b", "call_c")
            ],
        },
        {"role": "tool", "tool_call_id": "call_c", "content": "3"},
        {"role": "user", "content": "So?"},
        {"role": "tool", "tool_call_id": "call_a", "content": "1"},
    ],
}
FILL_IN = {"x-gateway-missing-tool-results": "synthesize"}


@pytest.mark.parametrize("headers", [{}, {"x-gateway-missing-tool-results": "refuse"}])
async def test_t01_a_missing_result_is_a_400_that_names_the_call(
    gateway: GatewayProcess, upstream: FakeAnthropic, headers: dict[str, str]
) -> None:
    response = await ask(gateway.port, "POST", CHAT, LOST, headers)
    said = refused(response, 400, "missing_tool_result", "messages[1].tool_calls")["message"]
    assert "'call_b'" in said
    assert "'call_a'" not in said
    assert upstream.turns == []


async def test_t01_a_client_may_go_on_without_a_result(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    response = await ask(gateway.port, "POST", CHAT, LOST, FILL_IN)
    assert response.status == 200
    blocks = upstream.turns[0].json["messages"][2]["content"]
    assert [block.get("tool_use_id") for block in blocks] == ["call_a", "call_b", "call_c", None]
    assert [block.get("is_error") for block in blocks] == [None, True, None, None]
    assert (blocks[0]["content"], blocks[2]["content"], blocks[3]["text"]) == ("1", "3", "So?")


async def test_t01_any_other_wish_is_named(gateway: GatewayProcess) -> None:
    [name] = FILL_IN
    response = await ask(gateway.port, "POST", CHAT, LOST, {name: "invent"})
    refused(response, 400, "invalid_header", name)


IMAGE = {"url": "https://x.test/a.png", "detail": "high"}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
TOOL = {"type": "function", "function": {"name": "look"}}
OPEN = {"type": "object", "additionalProperties": {"type": "string"}}
BENT: list[tuple[str, dict[str, Any]]] = [
    *((name, {name: ["odd"]}) for name in sorted(REPORTED)),
    ("temperature", {"temperature": 0.5}),
    ("top_p", {"top_p": 0.5}),
    ("stop", {"stop": ["END", "\n"]}),
    ("service_tier", {"service_tier": "flex"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": "required"}),
    ("tool_choice", {"tools": [TOOL], "tool_choice": TOOL}),
    (
        "strict",
        {"tools": [{**TOOL, "function": {"name": "a", "parameters": OPEN, "strict": True}}]},
    ),
    ("include_reasoning", {"include_reasoning": True, "reasoning_effort": "none"}),
    (
        "response_format",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": OPEN}}},
    ),
    ("input_audio", {"messages": [{**HI, "content": [SOUND, {"type": "text", "text": "Hi"}]}]}),
    (
        "image_url.detail",
        {"messages": [{**HI, "content": [{"type": "image_url", "image_url": IMAGE}]}]},
    ),
]


@pytest.mark.parametrize(("name", "fields"), BENT, ids=range(len(BENT)))
async def test_what_is_not_done_as_asked_is_reported_and_refused_where_that_is_wanted(
    gateway: GatewayProcess, upstream: FakeAnthropic, name: str, fields: dict[str, Any]
) -> None:
    body = {"model": MODEL, "messages": [HI], **fields}
    loose = await ask(gateway.port, "POST", CHAT, body)
    assert (loose.status, loose.header("x-gateway-ignored-params")) == (200, name)
    strict = await ask(gateway.port, "POST", CHAT, body, {"x-gateway-strict": "true"})
    refused(strict, 400, "unsupported_parameter", name)
    assert len(upstream.turns) == 1


async def test_a_strict_client_that_asks_for_nothing_odd_is_served(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = {"model": MODEL, "messages": [HI], "tools": [TOOL], "n": 1, "store": False}
    response = await ask(gateway.port, "POST", CHAT, body, {"x-gateway-strict": "true"})
    assert (response.status, response.header("x-gateway-ignored-params")) == (200, None)


@pytest.mark.parametrize("streamed", [True, False])
async def test_reasoning_reaches_a_client_that_wants_to_see_it(
    gateway: GatewayProcess, upstream: FakeAnthropic, streamed: bool
) -> None:
    body = chat_body(stream=streamed, include_reasoning=True)
    assert (await ask(gateway.port, "POST", CHAT, body)).status == 200
    assert upstream.turns[0].json["thinking"] == {"type": "adaptive", "display": "summarized"}


# The ids that apps of last year ask for.
RETIRED = [
    "claude-3-5-sonnet-20241022",
    "claude-3-5-haiku-20241022",
    "claude-3-7-sonnet-20250219",
    "claude-sonnet-4-20250514",
    "claude-opus-4-1-20250805",
    "claude-sonnet-4-5-20250929",
]


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("retired", RETIRED)
async def test_a_retired_model_still_answers_and_it_is_said_by_which(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, retired: str
) -> None:
    response = await ask(gateway.port, "POST", path, message_body(model=retired))
    assert response.status == 200
    served = upstream.requests[-1].json["model"]
    assert served in ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5")
    assert response.header("x-gateway-model-remapped") == f"{retired} -> {served}"
