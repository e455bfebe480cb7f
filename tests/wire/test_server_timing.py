"""What took how long is in the headers of an answer, and the same figures are in its log line."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from uuid import uuid4

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Received, Reply, Stream
from claude_gateway.testing.raw import Connection, Response, ask, asking, request
from claude_gateway.testing.upstream import Answer, Step, answering
from claude_gateway.testing.wire import error, text, text_stream
from tests.wire.test_logs import line_of
from tests.wire.tool_turns import (
    CHAT,
    GATE,
    MESSAGES,
    RESPONSES,
    calling,
    chat,
    installed,
    there,
    workspace,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = 0.08  # seconds that upstream, or a tool, takes
METRIC = re.compile(r"([a-z]+);dur=(\d+\.\d{2})")  # a name is a token, a duration milliseconds


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def timed(
    env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    own = {"GATEWAY_API_KEYS": "", "GATEWAY_AUTH": "local", "LOG_FORMAT": "json"}
    own["GATEWAY_MAX_CONCURRENT"] = "1"
    async with GatewayProcess(env | installed(tmp_path_factory.mktemp("site")) | own) as gateway:
        yield gateway


def figures(answer: Response) -> dict[str, float]:
    """The header's, in milliseconds."""
    said = (answer.header("server-timing") or "").split(", ")
    return {m[1]: float(m[2]) for one in said if (m := METRIC.fullmatch(one)) is not None}


def slowly(step: Step, seconds: float = SLOW) -> Step:
    """Answer as `step` does, after a while."""

    def slow(received: Received) -> Answer:
        answer = step(received) if callable(step) else step
        if isinstance(answer, Stream):
            return replace(answer, frames=[seconds, *answer.frames])
        assert isinstance(answer, Reply)
        after = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, after.set)
        return replace(answer, after=after)

    return slow


async def timing(
    gateway: GatewayProcess, path: str, **fields: object
) -> tuple[Response, dict[str, float], float]:
    """Ask; return the answer, its figures, and the milliseconds that it all took."""
    began = time.monotonic()
    answer = await ask(gateway.port, "POST", path, asking(path, **fields))
    return answer, figures(answer), (time.monotonic() - began) * 1000


async def agrees(gateway: GatewayProcess, answer: Response, *names: str) -> None:
    """The line of a request has the figures that its answer had."""
    line = await line_of(gateway, answer.header("x-request-id") or "")
    logged = {name: line[f"{name}_ms"] for name in names}
    assert logged == {name: figures(answer)[name] for name in names}


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
async def test_a_whole_answer_says_how_long_the_model_took(
    timed: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    upstream.script(slowly(answering(text("Hello"))))
    fields = {"store": False} if path == RESPONSES else {}
    answer, said, whole = await timing(timed, path, **fields)
    assert (answer.status, set(said)) == (200, {"auth", "upstream"})
    assert SLOW * 1000 <= said["upstream"] <= whole
    assert 0 < said["auth"] <= whole - said["upstream"]
    await agrees(timed, answer, "upstream")


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_stream_says_how_long_its_first_piece_took(
    timed: GatewayProcess, upstream: FakeAnthropic, path: str
) -> None:
    rest = asyncio.Event()
    start, *frames = text_stream("Hello", "world")
    upstream.script(Stream([SLOW, start, *frames[:2], rest, *frames[2:]]))
    began = time.monotonic()
    async with Connection(timed.port) as connection:
        await connection.send(request("POST", path, asking(path, stream=True)))
        head = await connection.head()  # the answer is not over: upstream waits for the test
        took = (time.monotonic() - began) * 1000
        rest.set()
        while await connection.chunk():
            pass
    assert figures(head).keys() == {"auth", "upstream"}
    assert SLOW * 1000 <= figures(head)["upstream"] <= took
    line = await line_of(timed, head.header("x-request-id") or "")
    assert line["upstream_ms"] > figures(head)["upstream"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_in_a_session_says_how_long_the_store_took(
    timed: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(slowly(answering(text("Hello"))))
    answer, said, whole = await timing(timed, CHAT, session_id=uuid4().hex, stream=stream)
    assert (answer.status, set(said)) == (200, {"auth", "store", "upstream"})
    assert SLOW * 1000 <= said["upstream"] <= whole
    assert 0 < said["store"] <= whole - said["upstream"]
    await agrees(timed, answer, "store")


async def test_a_turn_that_waited_for_another_one_says_how_long(
    timed: GatewayProcess, upstream: FakeAnthropic
) -> None:
    first_may_end, session = asyncio.Event(), uuid4().hex
    upstream.script(Reply(529, after=first_may_end), answering(text("Second")))
    fields = {"session_id": session, "on_disconnect": "detach"}
    first = asyncio.create_task(timing(timed, CHAT, **fields))
    await upstream.wait_turns(1)
    second = asyncio.create_task(timing(timed, CHAT, **fields, if_busy="queue"))
    await _waiting(timed, b"turns_waiting")
    asyncio.get_running_loop().call_later(SLOW, first_may_end.set)
    await first
    answer, said, whole = await second
    assert answer.status == 200, answer.body
    assert SLOW * 1000 * 0.9 <= said["queue"] <= whole - said["upstream"]
    await agrees(timed, answer, "queue", "store", "upstream")


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"session_id": "placed"}])
async def test_a_turn_that_waited_for_a_place_says_how_long_and_that_is_not_the_models_time(
    timed: GatewayProcess, upstream: FakeAnthropic, fields: Mapping[str, object]
) -> None:
    first_may_end = asyncio.Event()
    upstream.script(Reply(529, after=first_may_end), answering(text("Second")))
    first = asyncio.create_task(timing(timed, CHAT))
    await upstream.wait_turns(1)
    second = asyncio.create_task(timing(timed, CHAT, **fields))
    await _waiting(timed, b"turns_queued")
    asyncio.get_running_loop().call_later(SLOW, first_may_end.set)
    await first
    answer, said, whole = await second
    assert answer.status == 200, answer.body
    assert SLOW * 1000 * 0.9 <= said["queue"] <= whole - said["upstream"]
    await agrees(timed, answer, "queue")


async def _waiting(gateway: GatewayProcess, whom: bytes) -> None:
    """Wait until one of these waits."""
    line = b"\n%s 1.0\n" % whom
    async with asyncio.timeout(5):
        while line not in (await ask(gateway.port, "GET", "/metrics")).body:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("fields", [{}, {"session_id": "tools"}])
async def test_a_turn_with_a_tool_says_how_long_the_tool_took(
    timed: GatewayProcess, upstream: FakeAnthropic, fields: Mapping[str, object]
) -> None:
    name = uuid4().hex
    call = calling("wait", name=name)
    upstream.script(answering(call, stop_reason="tool_use"), slowly(answering(text("Done"))))
    asked = asyncio.create_task(chat(timed, mcp=GATE, **fields))
    await there(workspace(timed) / f"{name}.here")
    asyncio.get_running_loop().call_later(SLOW, (workspace(timed) / name).touch)
    answer = await asked
    assert answer.status == 200, answer.body
    said = figures(answer)
    assert said["tools"] >= SLOW * 1000 * 0.9
    assert said["upstream"] >= SLOW * 1000
    await agrees(timed, answer, "tools", "upstream", *(["store"] if fields else []))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_of_upstreams_says_how_long_it_took_to_come(
    timed: GatewayProcess, upstream: FakeAnthropic, stream: bool
) -> None:
    upstream.script(slowly(Reply(500, error("api_error", "boom"))))
    answer, said, whole = await timing(timed, CHAT, stream=stream)
    assert (answer.status, set(said)) == (502, {"auth", "upstream"})
    assert SLOW * 1000 <= said["upstream"] <= whole
    await agrees(timed, answer, "upstream")


async def test_what_no_model_was_asked_for_only_says_what_the_credential_took(
    timed: GatewayProcess,
) -> None:
    assert figures(await ask(timed.port, "GET", "/v1/models")).keys() == {"auth"}
    assert figures(await ask(timed.port, "POST", CHAT, b"{")).keys() == {"auth"}


async def test_nothing_is_said_to_those_who_were_not_let_in(gateway: GatewayProcess) -> None:
    refused = await ask(gateway.port, "GET", "/v1/models", b"", {"x-api-key": "gw-wrong"})
    health = await ask(gateway.port, "GET", "/health")
    assert (refused.status, health.status) == (401, 200)
    assert refused.header("server-timing") is health.header("server-timing") is None
