"""A run that failed has a line in the log; one that went well, or was left, has none."""

from __future__ import annotations

import pytest

from claude_gateway import OWNER, Run, Settings
from claude_gateway.defaults import Defaults
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.run_log import RunLog


def run(error: str | None) -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=0.0, error=error)


@pytest.mark.parametrize("error", [None, "cancelled"])
def test_a_run_that_did_not_fail_says_nothing(
    caplog: pytest.LogCaptureFixture, error: str | None
) -> None:
    RunLog().run_ended(run(error))
    assert caplog.records == []


def test_a_run_that_failed_says_how(caplog: pytest.LogCaptureFixture) -> None:
    log = RunLog()
    log.run_started(run("overloaded"))
    log.first_token(run("overloaded"))
    log.run_ended(run("overloaded"))
    (record,) = caplog.records
    assert record.getMessage() == "run failed"
    said = record.__dict__
    assert (said["run"], said["request_id"], said["code"]) == ("run_1", "req_1", "overloaded")
    assert (said["model"], said["backend"], said["retries"]) == ("m", "b", 0)


async def test_it_is_offered() -> None:
    (offer,) = Defaults().register_observers(Settings.read({}, names.ALL))
    async with offer.open() as observer:
        assert isinstance(observer, RunLog)
