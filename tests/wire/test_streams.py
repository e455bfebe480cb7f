"""Streams, byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Reply, Stream
from claude_gateway.testing.raw import (
    Connection,
    Response,
    ask,
    chat_body,
    message_body,
    refused,
    request,
    response_body,
)
from claude_gateway.testing.wire import error, sse, text_stream, tool_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
PING = b": ping\n\n"
PING_AMONG_NUMBERS = b": ping\n"  # of a stored response: it stands before the next number
DONE = b"data: [DONE]\n\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lively(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env | {"GATEWAY_HEARTBEAT": "0.2"}) as gateway:
        yield gateway


def chunks_of(response: Response) -> list[dict[str, object]]:
    return [json.loads(frame[6:]) for frame in response.frames if frame != DONE]


async def test_t29_a_stream_is_lf_only_one_json_a_line_and_ends_with_done(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(text_stream("Grüße\r\n", "\u2028 😀 \\", "\t\x00")))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    assert b"\r" not in response.body
    assert response.body.endswith(DONE)
    assert response.body.count(DONE) == 1
    for frame in response.frames[:-1]:
        assert frame.startswith(b"data: {")
        assert frame.endswith(b"}\n\n")
        assert frame.count(b"\n") == 2
        compact = json.dumps(json.loads(frame[6:]), separators=(",", ":"), ensure_ascii=False)
        assert compact.encode() == frame[6:-2]
    assert "Grüße" in response.body.decode()


async def test_t29_frames_come_in_the_promised_order(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    body = chat_body(stream=True, stream_options={"include_usage": True})
    response = await ask(gateway.port, "POST", CHAT, body)
    role, *content, finish, usage = chunks_of(response)
    assert role["choices"] == [choice({"role": "assistant", "content": ""})]
    assert [chunk["choices"] for chunk in content] == [
        [choice({"content": "Hello"})],
        [choice({"content": " world"})],
    ]
    assert finish["choices"] == [choice({}, "stop")]
    assert usage["choices"] == []
    assert all(chunk["usage"] is None for chunk in (role, *content, finish))
    assert {(c["id"], c["created"], c["object"]) for c in (role, *content, finish, usage)} == {
        (role["id"], role["created"], "chat.completion.chunk")
    }


@pytest.mark.parametrize("session", [{}, {"session_id": "padded"}], ids=["alone", "in a session"])
async def test_s17_chunks_are_padded_for_who_asks(
    gateway: GatewayProcess, upstream: FakeAnthropic, session: dict[str, object]
) -> None:
    body = chat_body(stream=True, stream_options={"include_obfuscation": True}, **session)
    response = await ask(gateway.port, "POST", CHAT, body, {"x-api-key": "gw-CANARY-client"})
    frames = [frame[frame.index(b"data: ") :] for frame in response.frames]
    assert {len(frame) % 128 for frame in frames[:-1]} == {0}
    said = [json.loads(frame[6:])["choices"][0]["delta"].get("content") for frame in frames[:-1]]
    assert said == ["", "Hello", " world", None]


async def test_t29_the_headers_of_a_stream_are_exact_and_nothing_is_compressed(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    for path, body in ((CHAT, chat_body(stream=True)), (MESSAGES, message_body(stream=True))):
        accept = {"accept-encoding": "gzip, deflate, br, zstd", "accept": "text/event-stream"}
        response = await ask(gateway.port, "POST", path, body, accept)
        assert response.header("content-type") == "text/event-stream; charset=utf-8"
        assert response.header("cache-control") == "no-cache, no-transform"
        assert response.header("x-accel-buffering") == "no"
        assert response.header("content-encoding") is None
        assert response.header("content-length") is None


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_t29_every_frame_leaves_at_once_and_whole(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    go, last = [asyncio.Event() for _ in range(3)], asyncio.Event()
    frames = text_stream("one", "two", "three")
    begin, deltas, end = frames[:3], frames[3:6], frames[6:]
    paused = [part for event, delta in zip(go, deltas, strict=True) for part in (event, delta)]
    upstream.script(Stream([*begin, *paused, last, *end]))
    async with Connection(gateway.port) as connection:
        await connection.send(request("POST", path, message_body(stream=True)))
        assert (await connection.head()).status == 200
        await chunk_with(connection, b'"role"' if path == CHAT else b"event: ping")
        for event, word in zip(go, (b"one", b"two", b"three"), strict=True):
            event.set()
            chunk = await chunk_with(connection, word)
            assert chunk.endswith(b"\n\n")
            assert chunk.count(b"\n\n") == 1
        last.set()
        ending = b"".join([chunk async for chunk in until_the_end(connection)])
        assert ending.endswith(DONE if path == CHAT else end[-1])


async def test_t12_a_call_without_input_streams_an_empty_object(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(tool_stream("clock", id="toolu_x")))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(response)]  # type: ignore[index]  # a chunk's shape
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    first = {"index": 0, "id": "toolu_x", "type": "function"}
    assert calls[0] == first | {"function": {"name": "clock", "arguments": ""}}
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"


@pytest.mark.parametrize(
    ("parts", "said"),
    [(["a\ud83d"], "a\ufffd"), (["a\ud83d", "\ude00b"], "a😀b"), (["\ude00", "b"], "\ufffdb")],
    ids=["first half", "two halves", "second half"],
)
async def test_t29_half_a_surrogate_pair_never_leaves_the_gateway(
    gateway: GatewayProcess, upstream: FakeAnthropic, parts: list[str], said: str
) -> None:
    frames = text_stream("x")
    upstream.script(Stream([*frames[:3], *[escaped(part) for part in parts], *frames[4:]]))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(response)]  # type: ignore[index]  # a chunk's shape
    assert "".join(delta.get("content", "") for delta in deltas) == said
    assert b"\\u" not in response.body


async def test_t13_an_upstream_that_ends_lines_with_crlf_is_understood(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream([frame.replace(b"\n", b"\r\n") for frame in text_stream("Hi")]))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    assert b'"content":"Hi"' in response.body
    assert b"\r" not in response.body
    assert response.body.endswith(DONE)


async def test_t15_an_unknown_stop_reason_ends_as_stop_and_is_shown(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.script(Stream(text_stream("Hi", stop_reason="novelty")))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    assert b'"finish_reason":"stop"' in response.body
    assert b'"x_stop_reason":"novelty"' in response.body


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_t27_pings_begin_before_upstream_answers_and_the_answer_follows_whole(
    lively: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    go = asyncio.Event()
    frames = text_stream("Hi")
    upstream.script(Stream([go, *frames]))
    async with Connection(lively.port) as connection:
        await connection.send(request("POST", path, message_body(stream=True)))
        assert (await connection.head()).status == 200
        assert [await connection.chunk() for _ in range(3)] == [PING] * 3
        go.set()
        rest = b"".join([chunk async for chunk in until_the_end(connection)])
    said = rest.replace(PING, b"")
    if path == MESSAGES:
        assert said == b"".join(frames)
    else:
        assert b'"content":"Hi"' in said
        assert said.endswith(DONE)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_t27_pings_go_on_while_the_model_thinks(
    lively: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Stream([*text_stream("Hi")[:4], Hang()]))
    async with Connection(lively.port) as connection:
        await connection.send(request("POST", path, message_body(stream=True)))
        await connection.head()
        assert b"Hi" in await chunk_with(connection, b"Hi")
        assert [await connection.chunk() for _ in range(3)] == [PING] * 3


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_t27_a_refusal_after_the_first_ping_is_one_error_frame(
    lively: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    go = asyncio.Event()
    refusal = error("rate_limit_error", "Slow down.")
    upstream.script(Reply(429, refusal, {"retry-after": "9"}, after=go))
    async with Connection(lively.port) as connection:
        await connection.send(request("POST", path, message_body(stream=True)))
        assert (await connection.head()).status == 200
        assert await connection.chunk() == PING
        go.set()
        rest = b"".join([chunk async for chunk in until_the_end(connection)]).replace(PING, b"")
    failed, *end = rest.split(b"\n\n")
    name, _, data = failed.rpartition(b"data: ")
    assert json.loads(data)["error"]["type"] == "rate_limit_error"
    assert (name, end) == (
        (b"event: error\n", [b""]) if path == MESSAGES else (b"", [DONE[:-2], b""])
    )


async def test_t27_a_refusal_after_the_first_ping_is_a_response_that_failed(
    lively: GatewayProcess, upstream: FakeAnthropic
) -> None:
    go = asyncio.Event()
    upstream.script(Reply(429, error("rate_limit_error", "Slow down."), after=go))
    async with Connection(lively.port) as connection:
        await connection.send(request("POST", RESPONSES, response_body(stream=True)))
        assert (await connection.head()).status == 200
        assert await connection.chunk() == PING_AMONG_NUMBERS
        go.set()
        rest = b"".join([chunk async for chunk in until_the_end(connection)])
    assert re.findall(rb"^event: (.*)$", rest, re.MULTILINE) == [
        b"response.created",
        b"response.in_progress",
        b"response.failed",
        b"error",
    ]
    assert b'"code":"rate_limit_exceeded"' in rest


async def test_t27_an_answer_in_one_piece_gets_no_pings(
    lively: GatewayProcess, upstream: FakeAnthropic
) -> None:
    go = asyncio.Event()
    upstream.script(Reply(body={"type": "message", "content": [], "usage": {}}, after=go))
    async with Connection(lively.port, timeout=0.7) as connection:
        await connection.send(request("POST", MESSAGES, message_body()))
        with pytest.raises(TimeoutError):
            await connection.head()
        go.set()
        assert (await connection.response()).json["type"] == "message"


async def test_t16_an_error_event_before_the_first_token_is_a_real_status(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    event = sse("error", error("overloaded_error", "Overloaded"))
    upstream.always(Stream([event]))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    assert refused(response, 503)["type"] == "overloaded_error"
    response = await ask(gateway.port, "POST", MESSAGES, message_body(stream=True))
    assert refused(response, 529)["type"] == "overloaded_error"


def escaped(text: str) -> bytes:
    delta = json.dumps({"type": "text_delta", "text": text})
    event = b'{"type":"content_block_delta","index":0,"delta":%b}' % delta.encode()
    return b"event: content_block_delta\ndata: %b\n\n" % event


def choice(delta: dict[str, str], reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


async def until_the_end(connection: Connection) -> AsyncGenerator[bytes]:
    while chunk := await connection.chunk():
        yield chunk


async def chunk_with(connection: Connection, word: bytes) -> bytes:
    while word not in (chunk := await connection.chunk()):
        assert chunk, "the stream ended"
    return chunk


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_stream_to_a_client_of_http_1_0_ends_with_its_connection(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(Stream(text_stream("Hello")))
    body = chat_body(stream=True) if path == CHAT else message_body(stream=True)
    headers = {
        "connection": "keep-alive",
        "x-api-key": "gw-CANARY-client",
        "expect": "100-continue",
    }
    asked = request("POST", path, body, headers).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    async with Connection(gateway.port) as connection:
        await connection.send(asked)
        said = await connection.rest()
    head, _, frames = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"keep-alive" not in head.lower()
    assert b"Hello" in frames
    assert frames.endswith((DONE, b'data: {"type":"message_stop"}\n\n'))
