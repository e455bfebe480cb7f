"""T-08: thinking is bound to the conversation before it, of which the gateway changes nothing."""

from __future__ import annotations

import json

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import ask
from claude_gateway.testing.wire import MODEL, message, sse, text, text_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

MESSAGES = "/v1/messages"
BETAS = "thinking-binding-controls-2026-08-01,mid-conversation-tool-changes-2026-07-01"
HEADERS = {"anthropic-beta": BETAS, "anthropic-version": "2026-10-21"}
BOUND = (
    '{"model":"%s","max_tokens":2048,"stream":%s,"system":[{"type":"text","text":"Br\\u00ebf."}],'
    '"thinking":{"type":"adaptive","block_binding":{"prefix_mismatch_behavior":"drop_block"}},'
    '"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":['
    '{"signature":"c2ln","type":"thinking","thinking":""},'
    '{"type":"redacted_thinking","data":"ZGF0YQ=="},{"type":"text","text":"Yes"}]},'
    '{"role":"user","content":"Go on."}]}'
)
DROPPED = [
    {"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "prefix_mismatch"}
]


@pytest.mark.parametrize("streamed", ["true", "false"])
@pytest.mark.parametrize("name", [MODEL, "sonnet"])
async def test_t08_the_client_decides_what_becomes_of_thinking_that_does_not_fit(
    gateway: GatewayProcess, upstream: FakeAnthropic, name: str, streamed: str
) -> None:
    response = await ask(
        gateway.port, "POST", MESSAGES, (BOUND % (name, streamed)).encode(), HEADERS
    )
    assert response.status == 200
    [turn] = upstream.turns
    assert turn.body == (BOUND % (MODEL, streamed)).encode()
    assert {key: turn.headers[key] for key in HEADERS} == HEADERS


async def test_t08_the_client_hears_of_thinking_that_was_dropped(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    whole = json.dumps({**message("Hi"), "input_transformations": DROPPED}).encode()
    began = {**message(text("")), "content": [], "input_transformations": DROPPED}
    frames = [
        sse("message_start", {"type": "message_start", "message": began}),
        *text_stream("Hi")[1:],
    ]
    upstream.script(Reply(body=whole), Stream(frames))
    for streamed, said in (("false", whole), ("true", b"".join(frames))):
        body = (BOUND % (MODEL, streamed)).encode()
        response = await ask(gateway.port, "POST", MESSAGES, body, HEADERS)
        assert (response.status, response.body) == (200, said)


CHAT = {
    "model": MODEL,
    "system_prompt": "Rhyme.",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes", "reasoning_content": "Hm."},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [{"type": "function", "function": {"name": "look"}}],
    "max_tokens": 99,
}
SENT = (
    b'{"model":"claude-sonnet-5-5","max_tokens":99,"system":[{"type":"text","text":"Rhyme."},'
    b'{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":"Hi"},'
    b'{"role":"assistant","content":"Yes"},{"role":"user","content":"Go on."}],'
    b'"tools":[{"name":"look","input_schema":{"type":"object","properties":{}}}]}'
)


async def test_t08_a_prompt_holds_what_the_client_said_and_nothing_of_the_day_or_of_chance(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for _ in range(2):
        assert (await ask(gateway.port, "POST", "/v1/chat/completions", CHAT)).status == 200
    assert [turn.body for turn in upstream.turns] == [SENT, SENT]
    assert all("anthropic-beta" not in turn.headers for turn in upstream.turns)
