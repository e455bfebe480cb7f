"""The line for a run that failed."""

from __future__ import annotations

import logging

import pytest

from claude_gateway import OWNER, Run
from claude_gateway.defaults.run_log import RunLog


def ended(error: str | None) -> Run:
    run = Run("run_1", OWNER, "claude-x", "anthropic", "req_1", stream=True, started=0.0)
    run.error = error
    return run


def test_a_run_that_failed_is_logged_with_its_code(caplog: pytest.LogCaptureFixture) -> None:
    RunLog().run_ended(ended("overloaded"))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert (vars(record)["run"], vars(record)["code"]) == ("run_1", "overloaded")


@pytest.mark.parametrize("error", [None, "cancelled"])
def test_a_run_that_went_well_or_was_left_is_not(
    caplog: pytest.LogCaptureFixture, error: str | None
) -> None:
    RunLog().run_ended(ended(error))
    assert not caplog.records
