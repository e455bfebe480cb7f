"""A call that failed is made again as often as allowed, after as long as upstream asks."""

from __future__ import annotations

import asyncio
import time

import pytest

from claude_gateway import (
    OWNER,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RateLimited,
    Run,
    UpstreamError,
)
from claude_gateway.engine.retry import LONGEST, LONGEST_ASKED, SHORTEST, retried


class Call:
    """Fails with each of these, then answers."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def soon() -> GatewayError:
    return Overloaded("Busy.", retry_after=0)


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=0.0)


async def test_a_call_that_works_is_made_once(run: Run) -> None:
    call = Call()
    assert await retried(call, 2, run) == "answer"
    assert (call.made, run.retries) == (1, 0)


@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_a_call_is_made_again_until_it_works(run: Run, failures: int) -> None:
    call = Call(*(soon() for _ in range(failures)))
    assert await retried(call, 3, run) == "answer"
    assert (call.made, run.retries) == (failures + 1, failures)


@pytest.mark.parametrize("retries", [0, 1, 2])
async def test_the_last_failure_is_raised_when_the_retries_are_used_up(
    run: Run, retries: int
) -> None:
    failures = [soon() for _ in range(5)]
    call = Call(*failures)
    with pytest.raises(Overloaded) as caught:
        await retried(call, retries, run)
    assert caught.value is failures[retries]
    assert (call.made, run.retries) == (retries + 1, retries)


@pytest.mark.parametrize(
    "failure",
    [
        InvalidRequest("Wrong."),
        InvalidRequest("Wrong.", retry_after=0),
        UpstreamError("No.", should_retry=False, retry_after=0),
        RateLimited("Later.", retry_after=LONGEST_ASKED + 0.1),
        ValueError("a defect"),
        asyncio.CancelledError(),
    ],
    ids=["wrong", "wrong now", "upstream says no", "too late", "defect", "cancelled"],
)
async def test_what_will_not_pass_is_raised_at_once(run: Run, failure: BaseException) -> None:
    for call in (Call(failure), Call(soon(), failure)):
        expected = call.made + len(call.failures)
        with pytest.raises(type(failure)) as caught:
            await retried(call, 5, run)
        assert caught.value is failure
        assert call.made == expected


async def test_a_failure_that_asks_to_be_tried_again_is(run: Run) -> None:
    call = Call(InvalidRequest("Not yet.", should_retry=True, retry_after=0))
    assert await retried(call, 1, run) == "answer"


async def test_upstream_says_how_long_to_wait(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    await retried(Call(RateLimited("Slow.", retry_after=0.05)), 1, run)
    assert 0.05 <= time.monotonic() - began < 1
    (record,) = caplog.records
    assert record.getMessage() == "upstream failed, trying again"
    assert (record.__dict__["code"], record.__dict__["in_s"]) == ("rate_limited", 0.05)


async def test_otherwise_the_wait_is_short_and_by_chance(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    retrying = asyncio.create_task(retried(Call(Overloaded("Busy.")), 1, run))
    while not caplog.records:
        await asyncio.sleep(0)
    retrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await retrying
    assert SHORTEST / 2 <= caplog.records[0].__dict__["in_s"] <= LONGEST
    assert run.retries == 0
