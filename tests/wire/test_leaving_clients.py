"""A client that leaves is noticed, and upstream is let go of: its tokens cost money."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Hang, Stream
from claude_gateway.testing.raw import Connection, asking, request
from claude_gateway.testing.upstream import Step
from claude_gateway.testing.wire import text_stream, tool_stream

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]
SILENCES: dict[str, Step] = {
    "before upstream's headers": Hang(),
    "before its first event": Stream([Hang()]),
}
BREAKS: dict[str, tuple[bytes, Step]] = {
    "in its text": (b"Hel", Stream([*text_stream("Hel")[:4], Hang()])),
    "in a tool's input": (
        b"toolu_z",
        Stream([*tool_stream("t", ["{", "}"], id="toolu_z")[:4], Hang()]),
    ),
    "inside a frame": (b"Hel", Stream([*text_stream("Hel")[:4], b"event: con", Hang()])),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES)
async def test_t24_upstream_is_closed_when_the_client_leaves_before_the_first_token(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, silence: Step, *, streamed: bool
) -> None:
    upstream.script(silence)
    async with Connection(gateway.port) as connection:
        await connection.send(request("POST", path, asking(path, stream=streamed)))
        await upstream.wait_turns()
        assert upstream.turns[0].outcome == "open"
    assert await upstream.wait_closed(timeout=2) < 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("seen", "step"), BREAKS.values(), ids=BREAKS)
async def test_t24_upstream_is_closed_when_the_client_leaves_in_the_middle(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str, seen: bytes, step: Step
) -> None:
    upstream.script(step)
    async with Connection(gateway.port) as connection:
        await connection.send(request("POST", path, asking(path, stream=True)))
        await connection.head()
        while seen not in await connection.chunk():
            pass
    assert await upstream.wait_closed(timeout=2) < 1


@pytest.mark.parametrize("path", PATHS)
async def test_t24_a_hundred_clients_that_leave_at_once_are_all_noticed(
    gateway: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.always(Stream([*text_stream("Hel")[:4], Hang()]))
    async with AsyncExitStack() as crowd:
        for _ in range(100):
            connection = await crowd.enter_async_context(Connection(gateway.port))
            await connection.send(request("POST", path, asking(path, stream=True)))
        await upstream.wait_turns(100)
    assert await upstream.wait_closed(100) < 1
