"""The prompt cache goes by bytes: equal requests must be equal upstream, in any process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import ask

CHAT = {
    "model": "claude-sonnet-5-5",
    "messages": [
        {"role": "system", "content": "You are brief. Grüße 🦊"},
        {"role": "user", "content": "What is the weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Köln","days":[1,2]}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "12 °C"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in ("z", "a", "city", "days")},
                    "required": ["z", "a"],
                },
            },
        }
        for name in ("weather", "alpha", "zeta")
    ],
    "temperature": 0.5,
    "stop": ["END", "STOP"],
    "stream": True,
}
# Everything of which a set or a dictionary has a hand in the translation.
RICH = {
    "model": "claude-opus-4-5",
    "system_prompt": "Rhyme.",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {
                    "type": "image_url",
                    "image_url": {"url": "https://x.test/a.png", "detail": "low"},
                },
                {
                    "type": "file",
                    "file": {"filename": "a.txt", "file_data": "data:;base64,JVBERi0="},
                },
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "text", "text": "So?"},
            ],
        },
        {
            "role": "assistant",
            "refusal": "No.",
            "tool_calls": [
                {
                    "id": f"functions.{name}:0",
                    "type": "function",
                    "function": {"name": name, "arguments": '{ "n": 123456789012345678901 }'},
                }
                for name in ("a.b", "c/d", "e")
            ],
        },
        {"role": "tool", "tool_call_id": "functions.e:0", "content": "5", "is_error": True},
        {"role": "developer", "content": "Now in French."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": name,
                "strict": True,
                "parameters": {
                    "type": "object",
                    "properties": {key: {"type": "string", "minLength": 1} for key in ("z", "a")},
                },
            },
        }
        for name in ("a.b", "c/d", "ok")
    ],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "user": "jo@example.org",
    "seed": 7,
    "logit_bias": {"1": 2},
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "a",
            "schema": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 9,
                "properties": {key: {"type": "integer", "minimum": 0} for key in ("z", "a", "m")},
            },
        },
    },
}
LENIENT = {"x-gateway-missing-tool-results": "synthesize"}
NATIVE = (
    b'{ "stream":true, "model": "claude-sonnet-5-5","max_tokens":9, "x": 1.0,'
    b'"messages":[{"content":"caf\\u00e9","role":"user"} ]}'
)
COUNTED = b'{"model":"claude-sonnet-5-5","messages":[{"role":"user","content":"caf\\u00e9"}] }'
ASKED: list[tuple[str, bytes | Mapping[str, object]]] = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", RICH),
    ("/v1/messages", NATIVE),
    ("/v1/messages/count_tokens", COUNTED),
]


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as upstream:
        yield upstream


async def bodies(upstream: FakeAnthropic, transport: str, seed: str) -> dict[str, set[bytes]]:
    """What each path of a fresh gateway's upstream was sent, when everything is asked twice."""
    upstream.reset()
    env = {
        "ANTHROPIC_API_KEY": "sk-ant-gateway",
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_TRANSPORT": transport,
        "PYTHONHASHSEED": seed,
    }
    async with GatewayProcess(env) as gateway:
        for path, body in 2 * ASKED:
            response = await ask(gateway.port, "POST", path, body, LENIENT)
            assert response.status == 200, response.body
    posted = [request for request in upstream.requests if request.method == "POST"]
    assert len(posted) == 2 * len(ASKED)
    kinds = ("chat", "rich", "native", "counted")
    return {kind: {posted[i].body, posted[i + len(ASKED)].body} for i, kind in enumerate(kinds)}


async def test_t19_equal_requests_give_equal_bytes_in_every_process(
    upstream: FakeAnthropic,
) -> None:
    first = await bodies(upstream, "lean", "0")
    assert [len(sent) for sent in first.values()] == [1] * len(ASKED)
    assert first["native"] == {NATIVE}
    assert first["counted"] == {COUNTED}
    for transport, seed in (("lean", "1"), ("aiohttp", "2"), ("sdk", "3")):
        assert await bodies(upstream, transport, seed) == first


async def test_t07_what_must_stay_as_it_was_written_is_copied(upstream: FakeAnthropic) -> None:
    arguments = '{ "n":1.10, "big":123456789012345678901,\n"e":"\\u00e9" }'
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": arguments}}
    said = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "Dark."},
    ]
    env = {"ANTHROPIC_API_KEY": "sk-ant-gateway", "ANTHROPIC_BASE_URL": upstream.url}
    async with GatewayProcess(env) as gateway:
        asked = {"model": "claude-sonnet-5-5", "messages": said}
        response = await ask(gateway.port, "POST", "/v1/chat/completions", asked)
    assert response.status == 200
    assert b'"input":%b}' % arguments.encode() in upstream.turns[0].body
