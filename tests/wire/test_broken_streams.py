"""A stream that breaks says so: a client must never take half an answer for a whole one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from claude_gateway.testing import Cut, FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import ask, asking, chat_body, message_body, refused, response_body
from claude_gateway.testing.wire import error_event, text_stream, thinking_stream, tool_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
TEXT = text_stream("Hel", "lo")[:4]
BREAKS: dict[str, Sequence[bytes | Cut]] = {
    "an error after text": [*TEXT, error_event()],
    "an error inside a tool's input": [*tool_stream("clock", ['{"a":', "1}"])[:4], error_event()],
    "an error while thinking": [*thinking_stream("Hm")[:4], error_event()],
    "a cut": [*TEXT, Cut()],
    "half a frame and a cut": [*TEXT, text_stream("lo")[3][:40], Cut()],
    "half a frame and a polite end": [*TEXT, text_stream("lo")[3][:40]],
    "a polite end without message_stop": TEXT,
    "a polite end before message_stop": text_stream("Hel", "lo")[:-1],
    "an event that is no JSON": [*TEXT, b"event: content_block_delta\ndata: {oops\n\n"],
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
async def test_t16_a_chat_stream_that_breaks_ends_with_one_error_and_no_reason(
    gateway: GatewayProcess, upstream: FakeAnthropic, broken: Sequence[bytes | Cut]
) -> None:
    upstream.script(Stream(broken))
    response = await ask(gateway.port, "POST", CHAT, chat_body(stream=True))
    assert response.status == 200
    *said, failed, done = response.frames
    assert done == b"data: [DONE]\n\n"
    body = json.loads(failed[6:])
    assert body["error"]["code"]
    assert body["error"]["message"]
    assert body["error"]["type"] in {"overloaded_error", "api_error"}
    chunks = [json.loads(frame[6:]) for frame in said]
    assert not any(chunk.get("error") for chunk in chunks)
    assert {chunk["choices"][0]["finish_reason"] for chunk in chunks} <= {None} | (
        {"stop"}
        if b"message_delta" in b"".join(f for f in broken if isinstance(f, bytes))
        else set()
    )


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
async def test_t16_a_response_that_breaks_ends_as_failed_and_with_one_error(
    gateway: GatewayProcess, upstream: FakeAnthropic, broken: Sequence[bytes | Cut]
) -> None:
    upstream.script(Stream(broken))
    response = await ask(gateway.port, "POST", RESPONSES, response_body(stream=True))
    assert response.status == 200
    events = [json.loads(frame.partition(b"\ndata: ")[2]) for frame in response.frames]
    *said, failed, error = events
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == "server_error"
    assert error["type"] == "error"
    assert error["error"]["type"] in {"overloaded_error", "api_error"}
    endings = {"error", "response.completed", "response.failed", "response.incomplete"}
    assert not [event for event in said if event["type"] in endings]
    assert not [event for event in said if event["type"].endswith("arguments.done")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
async def test_t16_a_native_stream_that_breaks_ends_with_one_error_event(
    gateway: GatewayProcess, upstream: FakeAnthropic, broken: Sequence[bytes | Cut]
) -> None:
    upstream.script(Stream(broken))
    response = await ask(gateway.port, "POST", MESSAGES, message_body(stream=True))
    assert response.status == 200
    *said, failed = response.frames
    name, data = failed.split(b"\ndata: ")
    assert name == b"event: error"
    assert json.loads(data)["type"] == "error"
    assert json.loads(data)["error"]["type"] in {"overloaded_error", "api_error"}
    assert not any(frame.startswith(b"event: error") for frame in said)
    assert b"message_stop" not in response.body
    assert b"[DONE]" not in response.body
    sent = b"".join(frame for frame in broken if isinstance(frame, bytes))
    assert sent.startswith(b"".join(said))


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize(
    "broken",
    [
        Reply(200, b'{"type":"mess'),
        Reply(200, b"<html>", {"content-type": "text/html"}),
        Reply(200, b""),
        Reply(200, b'"text"'),
        Cut(),
        Stream([b'{"type":', Cut()], headers={"content-type": "application/json"}),
    ],
    ids=["half", "html", "empty", "string", "cut", "cut inside"],
)
async def test_t16_a_broken_answer_in_one_piece_is_upstreams_fault(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, broken: Reply | Cut | Stream
) -> None:
    upstream.always(broken)  # one lost connection may be an old one, and is tried again
    response = await ask(gateway.port, "POST", path, asking(path))
    assert refused(response, 502)["type"] == "api_error"


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize(
    "broken",
    [Cut(), Stream([Cut()]), Stream([]), Reply(200, b"<html>", {"content-type": "text/html"})],
    ids=["cut", "cut after headers", "nothing", "html"],
)
async def test_t16_a_stream_that_never_begins_is_a_real_status(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, broken: Reply | Cut | Stream
) -> None:
    upstream.always(broken)  # one lost connection may be an old one, and is tried again
    response = await ask(gateway.port, "POST", path, asking(path, stream=True))
    refused(response, 502)
