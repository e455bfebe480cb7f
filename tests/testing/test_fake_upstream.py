"""The official client takes the fake for the real API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import anthropic
import httpx2
import pytest
import pytest_asyncio
from anthropic.types import ToolParam

from claude_gateway.testing import Cut, FakeAnthropic, Hang, Reply, Stream
from claude_gateway.testing.wire import (
    MODEL,
    error,
    error_event,
    message,
    sse,
    stream,
    text,
    text_stream,
    thinking,
    thinking_stream,
    tool_stream,
    tool_use,
)

HELLO = {
    "model": MODEL,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}
CLOCK: ToolParam = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}


@pytest_asyncio.fixture
async def upstream() -> AsyncGenerator[FakeAnthropic]:
    async with FakeAnthropic() as fake:
        yield fake


@pytest_asyncio.fixture
async def client(upstream: FakeAnthropic) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with connect(upstream, "sk-ant-test") as client:
        yield client


def connect(upstream: FakeAnthropic, key: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        api_key=key,
        base_url=upstream.url,
        max_retries=0,
        default_headers={"anthropic-version": "2023-06-01"},
    )


async def ask(client: anthropic.AsyncAnthropic, words: str = "Hello") -> anthropic.types.Message:
    return await client.messages.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": words}]
    )


async def listen(client: anthropic.AsyncAnthropic) -> anthropic.types.Message:
    async with client.messages.stream(
        model=MODEL,
        max_tokens=100,
        messages=[{"role": "user", "content": "Hello"}],
        tools=[CLOCK],
    ) as answer:
        return await answer.get_final_message()


async def test_an_answer_in_one_piece_is_a_message(client: anthropic.AsyncAnthropic) -> None:
    answer = await ask(client)
    assert answer.to_dict()["content"] == [{"type": "text", "text": "Hello world"}]
    assert (answer.stop_reason, answer.usage.output_tokens) == ("end_turn", 5)
    assert answer._request_id == "req_01"


async def test_a_stream_adds_up_to_the_same_message(client: anthropic.AsyncAnthropic) -> None:
    streamed, whole = await listen(client), await ask(client)
    assert streamed.to_dict(exclude_none=True) == whole.to_dict(exclude_none=True)


async def test_a_request_is_recorded_as_it_arrived(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    await ask(client, "Grüße")
    [request] = upstream.requests
    assert (request.method, request.path, request.outcome) == ("POST", "/v1/messages", "answered")
    assert request.headers["authorization"] == "Bearer sk-ant-test"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "Grüße".encode() in request.body
    assert request.json["messages"] == [{"role": "user", "content": "Grüße"}]


async def test_a_streamed_tool_call_is_put_together(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(tool_stream("clock", ['{"zone"', ':"UTC"}'], id="toolu_9")))
    answer = await listen(client)
    [call] = answer.content
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert (call.id, call.name, call.input) == ("toolu_9", "clock", {"zone": "UTC"})
    assert answer.stop_reason == "tool_use"


async def test_a_tool_call_without_input_has_an_empty_object(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(tool_stream("clock")))
    [call] = (await listen(client)).content
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert call.input == {}


async def test_thinking_arrives_with_its_signature(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(thinking_stream("Hm", ".", signature="c2ln", answer="Yes")))
    thought, said = (await listen(client)).content
    assert isinstance(thought, anthropic.types.ThinkingBlock)
    assert (thought.thinking, thought.signature) == ("Hm.", "c2ln")
    assert isinstance(said, anthropic.types.TextBlock)
    assert said.text == "Yes"


async def test_blocks_streamed_and_whole_are_the_same(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    blocks = (thinking("Hm"), text("One"), tool_use("clock", '{"a":1}'))
    upstream.script(
        Stream(stream(*blocks, stop_reason="tool_use")),
        Reply(body=message(*blocks, stop_reason="tool_use")),
    )
    streamed, whole = await listen(client), await ask(client)
    assert streamed.to_dict(exclude_none=True) == whole.to_dict(exclude_none=True)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
async def test_a_scripted_status_raises_its_exception(
    client: anthropic.AsyncAnthropic,
    upstream: FakeAnthropic,
    status: int,
    kind: str,
    raised: type[anthropic.APIStatusError],
) -> None:
    upstream.script(Reply(status, error(kind, "No."), {"retry-after": "7"}))
    with pytest.raises(raised) as caught:
        await ask(client)
    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert caught.value.response.headers["retry-after"] == "7"
    await ask(client)  # a step is used once


async def test_without_a_known_key_nobody_is_answered() -> None:
    async with FakeAnthropic(keys=["sk-ant-right"]) as upstream:
        async with connect(upstream, "sk-ant-right") as client:
            await ask(client)
        async with connect(upstream, "sk-ant-wrong") as client:
            with pytest.raises(anthropic.AuthenticationError):
                await ask(client)


async def test_tokens_are_counted(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}]
    )
    assert counted.input_tokens > 0


async def test_models_are_listed_and_found(client: anthropic.AsyncAnthropic) -> None:
    listed = [model async for model in client.models.list()]
    assert (await client.models.retrieve(MODEL)).display_name == "Claude Sonnet 5.5"
    assert MODEL in [model.id for model in listed]
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-none")


async def test_an_error_in_the_middle_of_a_stream_is_raised(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], error_event("overloaded_error")]))
    with pytest.raises(anthropic.APIStatusError) as caught:
        await listen(client)
    assert caught.value.type == "overloaded_error"


async def test_a_cut_stream_is_a_lost_connection(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Cut()]), Cut())
    with pytest.raises(httpx2.RemoteProtocolError):
        await listen(client)
    with pytest.raises(anthropic.APIConnectionError):
        await ask(client)
    assert [request.outcome for request in upstream.requests] == ["cut", "cut"]


async def test_a_client_that_leaves_is_noticed(
    client: anthropic.AsyncAnthropic, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([*text_stream("Hel")[:4], Hang()]))
    answer = await client.messages.create(
        model=MODEL,
        max_tokens=100,
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
    )
    assert upstream.open_streams == 1
    await answer.close()
    assert await upstream.wait_closed(timeout=1) < 1
    assert upstream.open_streams == 0


async def test_a_stream_waits_for_the_test_and_keeps_odd_bytes(upstream: FakeAnthropic) -> None:
    go = asyncio.Event()
    frame = sse("ping", {"type": "ping"})
    upstream.always(Stream([frame[:7], go, frame[7:], b": odd\r\n\r\n"]))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(upstream.url.split(":")[-1]))
    writer.write(b"POST /v1/messages HTTP/1.0\r\ncontent-length: 0\r\n\r\n")
    head = await reader.readuntil(b"event: ")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    go.set()
    assert await reader.read() == b"ping\ndata: " + b'{"type":"ping"}\n\n: odd\r\n\r\n'
    writer.close()
    await writer.wait_closed()
