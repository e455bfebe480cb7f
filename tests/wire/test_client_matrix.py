"""Both official Python clients, whole and streamed, through every HTTP client that asks upstream."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

import anthropic
import openai
import pytest
import pytest_asyncio
from anthropic.types import Message
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.upstream import Step, answering
from claude_gateway.testing.wire import (
    MODEL,
    Block,
    compact,
    error,
    error_event,
    message,
    text,
    text_stream,
    thinking,
    tool_use,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
PIXEL = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
).decode()
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture(
    scope="module", loop_scope="session", params=["lean", "aiohttp", "sdk"], name="gateway"
)
async def _gateway(
    env: dict[str, str], request: pytest.FixtureRequest
) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | {"ANTHROPIC_TRANSPORT": request.param}) as gateway:
        yield gateway


@dataclass(frozen=True, slots=True)
class Case:
    """What upstream says, and the chat message it becomes."""

    blocks: tuple[Block, ...]
    stop_reason: str
    finish_reason: str
    content: str | None
    extra: Mapping[str, object] = field(default_factory=dict)


CASES = {
    "text": Case((text("Grüße", " 🦊"),), "end_turn", "stop", "Grüße 🦊"),
    "tool use": Case(
        (text("Look."), tool_use("clock", '{"a":', "1}"), tool_use("clock", id="toolu_02")),
        "tool_use",
        "tool_calls",
        "Look.",
        {"calls": [("toolu_01", "clock", {"a": 1}), ("toolu_02", "clock", {})]},
    ),
    "thinking": Case(
        (thinking("Hm", ".", signature="c2ln"), text("So.")),
        "end_turn",
        "stop",
        "So.",
        {"reasoning_content": "Hm."},
    ),
    "refusal": Case(
        (text("I"),), "refusal", "content_filter", "I", {"refusal": "The model refused to answer."}
    ),
    "max_tokens": Case((text("Once up"),), "max_tokens", "length", "Once up"),
}
FAILURES: dict[str, tuple[Step, int, str]] = {
    "a limit": (Reply(429, error("rate_limit_error", "Slow down.")), 429, "rate_limit_error"),
    "a mistake": (Reply(400, error("invalid_request_error", "No.")), 400, "invalid_request_error"),
    "a wrong key": (Reply(401, error("authentication_error", "No.")), 502, "api_error"),
    "a lost connection": (Cut(), 502, "api_error"),
}
BREAKS: dict[str, list[bytes | Cut]] = {
    "an error": [*text_stream("Hel", "lo")[:4], error_event("api_error")],
    "a cut": [*text_stream("Hel", "lo")[:4], Cut()],
}


@STREAMED
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_chat_client_gets_all_that_was_said(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, case: Case, *, streamed: bool
) -> None:
    upstream.script(answering(*case.blocks, stop_reason=case.stop_reason))
    answer = await chat(openai_client, streamed=streamed)
    [choice] = answer.choices
    got = choice.message
    assert (choice.finish_reason, got.content) == (case.finish_reason, case.content)
    calls = [
        (call.id, call.function.name, json.loads(call.function.arguments))
        for call in got.tool_calls or []
        if call.type == "function"
    ]
    extra = {"calls": calls, "refusal": got.refusal, **(got.model_extra or {})}
    assert {name: value for name, value in extra.items() if value} == case.extra
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 5)


@STREAMED
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_native_client_gets_all_that_was_said(
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    case: Case,
    *,
    streamed: bool,
) -> None:
    upstream.script(answering(*case.blocks, stop_reason=case.stop_reason))
    answer = (await native(anthropic_client, streamed=streamed)).to_dict(exclude_none=True)
    assert answer["content"] == [block.whole for block in case.blocks]
    assert answer["stop_reason"] == case.stop_reason


@STREAMED
async def test_an_image_of_a_chat_client_reaches_upstream(
    openai_client: openai.AsyncOpenAI, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    await chat(
        openai_client,
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
        streamed=streamed,
    )
    [said] = upstream.turns[0].json["messages"]
    assert said["content"][1] == picture()


@STREAMED
async def test_an_image_of_a_native_client_reaches_upstream(
    anthropic_client: anthropic.AsyncAnthropic, upstream: FakeAnthropic, *, streamed: bool
) -> None:
    await native(anthropic_client, [picture()], streamed=streamed)
    [said] = upstream.turns[0].json["messages"]
    assert said["content"] == [picture()]


@STREAMED
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_both_clients_raise_for_an_error_before_the_first_byte(
    openai_client: openai.AsyncOpenAI,
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    failure: tuple[Step, int, str],
    *,
    streamed: bool,
) -> None:
    step, status, kind = failure
    upstream.always(step)  # one lost connection may be an old one, and is tried again
    with pytest.raises(openai.APIStatusError) as chatting:
        await chat(openai_client, streamed=streamed)
    with pytest.raises(anthropic.APIStatusError) as speaking:
        await native(anthropic_client, streamed=streamed)
    for caught in (chatting.value, speaking.value):
        assert (caught.status_code, caught.type) == (status, kind)
        assert caught.request_id


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
async def test_t16_both_clients_raise_for_an_error_in_the_middle(
    openai_client: openai.AsyncOpenAI,
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    broken: list[bytes | Cut],
) -> None:
    upstream.always(Stream(broken))
    with pytest.raises(openai.APIError) as chatting:
        await chat(openai_client, streamed=True)
    with pytest.raises(anthropic.APIStatusError) as speaking:
        await native(anthropic_client, streamed=True)
    assert chatting.value.type == speaking.value.type == "api_error"


async def test_t16_both_clients_raise_for_a_whole_answer_that_is_cut(
    openai_client: openai.AsyncOpenAI,
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
) -> None:
    half = compact(message("Hello")).encode()[:40]
    upstream.always(Stream([half, Cut()], headers={"content-type": "application/json"}))
    with pytest.raises(openai.InternalServerError):
        await chat(openai_client, streamed=False)
    with pytest.raises(anthropic.InternalServerError):
        await native(anthropic_client, streamed=False)


async def test_t24_both_clients_leave_a_stream_and_upstream_is_let_go(
    openai_client: openai.AsyncOpenAI,
    anthropic_client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
    async with await openai_client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True
    ) as chunks:
        await anext(chunks)
    assert await upstream.wait_closed(timeout=2) < 1
    async with await anthropic_client.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hello"}], stream=True
    ) as events:
        await anext(events)
    assert await upstream.wait_closed(2, timeout=2) < 1


async def chat(
    client: openai.AsyncOpenAI,
    messages: list[ChatCompletionMessageParam] = HELLO,
    *,
    streamed: bool,
) -> ChatCompletion:
    if not streamed:
        return await client.chat.completions.create(model=MODEL, messages=messages)
    async with client.chat.completions.stream(
        model=MODEL, messages=messages, stream_options={"include_usage": True}
    ) as answer:
        await answer.until_done()
        return answer.current_completion_snapshot


async def native(
    client: anthropic.AsyncAnthropic,
    content: str | list[anthropic.types.ImageBlockParam] = "Hello",
    *,
    streamed: bool,
) -> Message:
    said: list[anthropic.types.MessageParam] = [{"role": "user", "content": content}]
    if not streamed:
        return await client.messages.create(model=MODEL, max_tokens=9, messages=said)
    async with client.messages.stream(model=MODEL, max_tokens=9, messages=said) as answer:
        return await answer.get_final_message()


def picture() -> anthropic.types.ImageBlockParam:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
