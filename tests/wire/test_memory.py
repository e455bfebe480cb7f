"""What went wrong is let go of: a body that was refused must not stay in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply, Stream
from claude_gateway.testing.raw import ask, chat_body, message_body, response_body
from claude_gateway.testing.upstream import Step
from claude_gateway.testing.wire import compact, error, error_event, text_stream

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc"),
]

MB = 2**20
LONG = "x" * (10 * MB)
CASES: dict[str, tuple[str, bytes, Step]] = {
    "no JSON": ("/v1/messages", b"{" + b" " * 10 * MB, Reply()),
    "a wrong field": ("/v1/chat/completions", compact(chat_body(LONG, n=2)).encode(), Reply()),
    "refused by upstream": (
        "/v1/messages",
        compact(message_body(LONG)).encode(),
        Reply(400, error("invalid_request_error", "No.")),
    ),
    "a response that broke": (
        "/v1/responses",
        compact(response_body(LONG, stream=True)).encode(),
        Stream([*text_stream("Hel")[:4], error_event()]),
    ),
    "a stream that broke": (
        "/v1/messages",
        compact(message_body(LONG, stream=True)).encode(),
        Stream([*text_stream("Hel")[:4], error_event()]),
    ),
}


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(env: dict[str, str]) -> AsyncGenerator[GatewayProcess]:
    async with GatewayProcess(env) as gateway:
        yield gateway


@pytest.mark.parametrize(("path", "body", "step"), CASES.values(), ids=CASES)
async def test_t31_large_requests_that_fail_do_not_pile_up(
    fresh: GatewayProcess, upstream: FakeAnthropic, path: str, body: bytes, step: Step
) -> None:
    upstream.always(step)
    for _ in range(4):
        await ask(fresh.port, "POST", path, body)
    before = resident(fresh)
    for _ in range(12):
        await ask(fresh.port, "POST", path, body)
        upstream.requests.clear()
    assert resident(fresh) - before < 60 * MB  # of 120 that were sent


def resident(gateway: GatewayProcess) -> int:
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024
