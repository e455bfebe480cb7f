"""Limits hold for all workers together, whichever of them is asked."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator
from uuid import uuid4

import pytest
import pytest_asyncio

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import refused
from claude_gateway.testing.upstream import answering
from claude_gateway.testing.wire import text
from tests.wire.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.wire.test_workers import CHAT, begun, chat, held
from tests.wire.workers import Desk, at_home, desks, pids, rest_of, until_there

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 40


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(
    request: pytest.FixtureRequest, fake: FakeAnthropic
) -> AsyncGenerator[GatewayProcess]:
    """A gateway of two workers, with these limits for every user."""
    env = {
        "GATEWAY_WORKERS": "2",
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "GATEWAY_API_KEYS": CLIENT_KEY,
        "GATEWAY_MAX_RETRIES": "0",
        **request.param,
    }
    async with GatewayProcess(env) as running:
        yield running
    assert "Traceback" not in running.output(), running.output()


@pytest.mark.parametrize("gateway", [{"GATEWAY_USER_RPM": str(REQUESTS)}], indirect=True)
async def test_a_user_has_as_many_requests_with_two_workers_as_with_one(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    upstream.always(answering(text("Hello")))
    async with desks(gateway, connections=1) as both:
        # Half of these are at home with the other worker, which counts them instead.
        sessions = [at_home(n // 2 % 2, 2, uuid4().hex) for n in range(REQUESTS + REQUESTS // 2)]
        told: Counter[int] = Counter()
        left: list[int] = []

        async def ask(desk: Desk, mine: list[str]) -> None:
            for session in mine:
                answer = await desk.ask("POST", CHAT, chat(session))
                told[answer.status] += 1
                left.append(int(answer.header("x-ratelimit-remaining-requests") or -1))

        await asyncio.gather(ask(both[0], sessions[::2]), ask(both[1], sessions[1::2]))
        assert told == {200: REQUESTS, 429: REQUESTS // 2}
        assert min(left) == 0


@pytest.mark.parametrize("gateway", [{"GATEWAY_USER_CONCURRENT": "2"}], indirect=True)
async def test_answers_at_the_same_time_are_counted_in_all_workers_until_they_end_or_die(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    async with desks(gateway, connections=4) as both:
        gates = []
        for desk in both:
            gates.append(held(upstream))
            await begun(desk, None)
        for desk in both:
            answer = await desk.ask("POST", CHAT, chat(None))
            assert (answer.status, answer.json["error"]["code"]) == (429, "too_many_concurrent")
        dying = (await pids(gateway))[1]
        os.kill(dying, signal.SIGKILL)
        await until_there(gateway, 1, instead_of=dying)
        upstream.always(answering(text("Hello")))
        async with asyncio.timeout(10):
            while (await both[0].ask("POST", CHAT, chat(None))).status != 200:
                await asyncio.sleep(0.05)
        for gate in gates:
            gate.set()


@pytest.mark.parametrize("gateway", [{"GATEWAY_USER_CONCURRENT": "1"}], indirect=True)
async def test_a_turn_that_is_passed_on_is_one_turn(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    async with desks(gateway, connections=3) as both:
        for desk, other in (both, both[::-1]):
            go_on = held(upstream)
            session = at_home(other.number, 2, uuid4().hex)
            connection, _ = await begun(desk, session)
            for one in both:
                refused = await one.ask("POST", CHAT, chat(None))
                assert (refused.status, refused.json["error"]["code"]) == (
                    429,
                    "too_many_concurrent",
                )
            go_on.set()
            assert b"[DONE]" in await rest_of(connection)
            upstream.script(answering(text("Hello")))
            async with asyncio.timeout(10):
                while (await desk.ask("POST", CHAT, chat(None))).status != 200:
                    await asyncio.sleep(0.05)


@pytest.mark.parametrize("gateway", [{"GATEWAY_MAX_LIVE_RUNS": "4"}], indirect=True)
async def test_a_user_has_no_more_runs_at_work_in_all_workers_together(
    gateway: GatewayProcess, upstream: FakeAnthropic
) -> None:
    async with desks(gateway, connections=4) as both:
        gates = []
        for home in (0, 1):
            for _ in range(2):
                gates.append(held(upstream))
                await begun(both[0], at_home(home, 2, uuid4().hex))
            answer = await both[1].ask("POST", CHAT, chat(at_home(home, 2, uuid4().hex)))
            refused(answer, 429, "too_many_runs")
        for gate in gates:
            gate.set()
