"""A stream: its head waits for its first bytes, silence gets a beat, and every end is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from claude_gateway import (
    Accepted,
    Event,
    GatewayError,
    InvalidRequest,
    ModelRequest,
    Overloaded,
    UpstreamError,
)
from claude_gateway.backends import Backend
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.engine.telling import stopping
from claude_gateway.testing.raw import Connection, message_body, refused, request
from claude_gateway.web.app import Route
from claude_gateway.web.streams import EventStream, stream_reply

if TYPE_CHECKING:
    from tests.conftest import App, Scripted, Serving

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BODY = message_body(model="m", stream=True)
HASTY = "0.05"
BOTH = pytest.mark.parametrize("path", [CHAT, MESSAGES])


@asynccontextmanager
async def asking(app: App, path: str = CHAT) -> AsyncGenerator[Connection]:
    async with Connection(app.port) as connection:
        await connection.send(request("POST", path, BODY))
        yield connection


async def test_a_stream_is_one_and_says_so(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted()) as app:
        answer = await app.ask("POST", CHAT, BODY)
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.header("cache-control") == "no-cache, no-transform"
    assert answer.header("x-accel-buffering") == "no"
    assert answer.frames[-1] == b"data: [DONE]\n\n"
    assert b'"content":"Hello"' in answer.body


async def test_every_batch_is_one_write(serving: Serving, scripted: type[Scripted]) -> None:
    async with serving(scripted(scripted.saying("a", "b", "c"))) as app:
        answer = await app.ask("POST", MESSAGES, BODY)
    assert [chunk.count(b"\n\n") for chunk in answer.chunks] == [1] * len(answer.chunks)
    assert len(answer.chunks) == 8


@BOTH
async def test_an_event_is_sent_before_the_next_one_comes(
    serving: Serving, scripted: type[Scripted], path: str
) -> None:
    go = asyncio.Event()
    script = scripted.saying("Hel", "lo")
    fake = scripted([*script[:3], go, *script[3:]])
    async with serving(fake) as app, asking(app, path) as connection:
        await connection.head()
        while b"Hel" not in await connection.chunk():
            pass
        go.set()
        while b"lo" not in await connection.chunk():
            pass


@BOTH
@pytest.mark.parametrize("begun", [[], [Accepted()]], ids=["nothing", "accepted"])
async def test_a_failure_before_the_first_byte_is_a_status(
    serving: Serving, scripted: type[Scripted], path: str, begun: list[Accepted]
) -> None:
    fake = scripted([*begun, Overloaded("Busy.", retry_after=7)])
    async with serving(fake, GATEWAY_MAX_RETRIES="0") as app:
        answer = await app.ask("POST", path, BODY)
    refused(answer, 503 if path == CHAT else 529, "overloaded")
    assert answer.header("retry-after") == "7"


@pytest.mark.parametrize(
    ("error", "code"),
    [(UpstreamError("Cut."), "upstream_error"), (KeyError("CANARY"), "internal_error")],
    ids=["upstream", "defect"],
)
async def test_a_failure_after_it_is_one_frame_and_then_the_end(
    serving: Serving,
    scripted: type[Scripted],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    code: str,
) -> None:
    fake = scripted([*scripted.saying("Hel")[:3], error])
    async with serving(fake) as app:
        answer = await app.ask("POST", CHAT, BODY)
    assert answer.status == 200
    assert f'"code":"{code}"'.encode() in answer.frames[-2]
    assert answer.frames[-1] == b"data: [DONE]\n\n"
    assert answer.body.count(b'"error"') == 2  # the type and the member, once each
    assert b'"finish_reason":"stop"' not in answer.body
    assert b"CANARY" not in answer.body
    assert ("a request failed" in caplog.messages) is isinstance(error, KeyError)


async def test_a_native_stream_that_fails_ends_with_its_own_kind_of_error(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted([*scripted.saying("Hel")[:3], Overloaded("Busy.")])
    async with serving(fake) as app:
        answer = await app.ask("POST", MESSAGES, BODY)
    assert answer.frames[-1].startswith(b"event: error\ndata: ")
    assert b"message_stop" not in answer.body


@BOTH
async def test_silence_gets_a_beat_from_acceptance_on(
    serving: Serving, scripted: type[Scripted], path: str
) -> None:
    go = asyncio.Event()
    script = scripted.saying("Hello")
    async with (
        serving(scripted([go, *script]), GATEWAY_HEARTBEAT=HASTY) as app,
        asking(app, path) as connection,
    ):
        assert (await connection.head()).status == 200
        for _ in range(2):
            assert await connection.chunk() == b": ping\n\n"
        go.set()
        while b"Hello" not in await connection.chunk():
            pass


async def test_a_failure_after_a_beat_is_told_in_the_stream(
    serving: Serving, scripted: type[Scripted]
) -> None:
    go = asyncio.Event()
    fake = scripted([go, InvalidRequest("Too long.")])
    async with serving(fake, GATEWAY_HEARTBEAT=HASTY) as app, asking(app) as connection:
        await connection.head()
        assert await connection.chunk() == b": ping\n\n"
        go.set()
        while b"Too long." not in (chunk := await connection.chunk()):
            assert chunk == b": ping\n\n"
        assert chunk.endswith(b"data: [DONE]\n\n")


async def test_nobody_is_watched_when_all_streams_have_ended(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(scripted()) as app:
        await app.ask("POST", CHAT, BODY)
        await app.ask("POST", CHAT, {**BODY, "model": "unknown"})
        assert not app.gateway.pulse._streams
        assert not app.gateway.live


async def test_leaving_lets_go_of_the_backend(serving: Serving, scripted: type[Scripted]) -> None:
    fake = scripted([*scripted.saying("Hel")[:3], asyncio.Event()])
    async with serving(fake) as app:
        async with asking(app) as connection:
            await connection.head()
        async with asyncio.timeout(1):
            await fake.closed.wait()
    assert fake.open == 0


class Unheard(Encoder):
    """Finds out while it writes that the client has left."""

    def feed(self, batch: Sequence[Event]) -> bytes:
        raise ConnectionResetError

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        pytest.fail("nobody is left to tell")


async def test_a_client_that_is_gone_is_told_nothing(
    serving: Serving, scripted: type[Scripted]
) -> None:
    fake = scripted()

    async def handler(request: web.Request) -> web.StreamResponse:
        batches = Backend.of("s", fake).stream(ModelRequest("m", {}))
        return await stream_reply(request, batches, Unheard(), {})

    async with serving(routes=[Route("GET", "/", handler)]) as app:
        await app.ask("GET", "/")
        assert not app.gateway.pulse._streams
    assert fake.open == 0
    assert app.lines[0]["status"] == 499


class Response(web.StreamResponse):
    """Takes its time to begin, and keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.written: list[bytes] = []
        self.ended: list[bytes] = []
        self.error: Exception | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        self.begun += 1
        await asyncio.sleep(0)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.error:
            raise self.error
        self.written.append(bytes(data))

    async def write_eof(self, data: bytes = b"") -> None:
        self.ended.append(data)


def event_stream(response: Response, headers: Mapping[str, str] | None = None) -> EventStream:
    stream = EventStream(make_mocked_request("GET", "/"), headers or {})
    stream._response = response  # type: ignore[assignment]
    return stream


async def test_a_beat_and_the_first_frame_at_once_begin_the_response_once() -> None:
    response = Response()
    stream = event_stream(response)
    await asyncio.gather(stream.beat(), stream.send(b"data: 1\n\n"), stream.beat())
    assert response.begun == 1
    assert sorted(response.written) == [b": ping\n\n", b": ping\n\n", b"data: 1\n\n"]


async def test_the_last_frames_end_the_response_and_a_beat_is_nothing_afterwards() -> None:
    response = Response()
    stream = event_stream(response)
    await asyncio.gather(stream.beat(), stream.send_last(b"data: 1\n\n"))
    await stream.beat()
    assert (response.begun, response.written) == (1, [b": ping\n\n"])
    assert response.ended == [b"data: 1\n\n", b": ping\n\n"]  # aiohttp's ends once only


@pytest.mark.parametrize("error", [ConnectionResetError(), RuntimeError("write after eof")])
async def test_a_beat_that_nobody_hears_is_no_failure(error: Exception) -> None:
    response = Response()
    response.error = error
    await event_stream(response).beat()
    with pytest.raises(type(error)):
        await event_stream(response).send(b"x")


def test_what_is_said_at_the_end_can_be_tried_again() -> None:
    error = stopping()
    assert (error.status, error.code, error.retry_after) == (503, "shutting_down", 5)
    assert error.should_retry
