"""What observers are told of besides runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from claude_gateway import (
    Observer,
    Offer,
    RequestEnd,
    Settings,
    StreamEnd,
    ToolEnd,
    hookimpl,
)
from claude_gateway.engine.hearing import Hearing, tell
from claude_gateway.testing.raw import chat_body

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving


class Listening(Observer):
    """An observer, and the plugin that offers it."""

    def __init__(self) -> None:
        self.requests: list[RequestEnd] = []
        self.streams: list[StreamEnd] = []

    def request_ended(self, request: RequestEnd) -> None:
        self.requests.append(request)

    def stream_ended(self, stream: StreamEnd) -> None:
        self.streams.append(stream)

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Observer]:
            yield self

        return [Offer("listening", opened)]


class Failing(Observer):
    def tool_ended(self, call: ToolEnd) -> None:
        raise OSError("no")


def test_only_those_who_override_a_method_are_asked() -> None:
    hearing = Hearing([Observer(), Listening()])
    assert (len(hearing.requests), len(hearing.streams), hearing.tools) == (1, 1, ())


def test_an_observer_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tell(Hearing([Failing()]).tools, ToolEnd("s", "t", "failed", 1.0))
    assert [record.message for record in caplog.records] == ["an observer failed"]


async def test_requests_and_streams_are_told_with_their_routes(
    serving: Serving, scripted: type[Scripted]
) -> None:
    listening = Listening()
    async with serving(scripted(), listening) as app:
        await app.ask("POST", "/v1/chat/completions", chat_body(model="m", stream=True))
        await app.ask("GET", "/v1/sessions/one/nowhere")
        await app.ask("GET", "/v1/models/none")
    asked = [(end.method, end.route, end.status) for end in listening.requests]
    assert asked == [
        ("POST", "/v1/chat/completions", 200),
        ("GET", "unknown", 404),
        ("GET", "/v1/models/{model_id}", 404),
    ]
    assert all(0 < end.seconds < 20 for end in listening.requests)
    (stream,) = listening.streams
    assert stream.route == "/v1/chat/completions"
    assert stream.writes > 0
    assert stream.size > 100
    assert 0 <= stream.longest_gap <= stream.seconds
