"""The script that measures a gateway under load."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.scripts.running import SCRIPTS, script

LITTLE = {"LOAD_CONNECTIONS": "5", "LOAD_SECONDS": "1", "LOAD_SAMPLES": "3", "LOAD_SESSIONS": "4"}
# How fast this machine is, with all that it does beside, is not what is tested here.
GENEROUS = {
    **{f"LOAD_{name}_MS": "60000" for name in ("HEALTH", "FIRST_TOKEN", "CHUNK", "SESSION")},
    "LOAD_P50_MS": "60000",
    "LOAD_P99_MS": "60000",
    "LOAD_RPS": "1",
    "LOAD_SESSION_MB": "50",
}
needs_programs = pytest.mark.skipif(
    not (shutil.which("wrk") and shutil.which("ab")) and not os.environ.get("CI"),
    reason="wrk or ab is not installed",
)


def measured(table: str) -> dict[str, tuple[str, str]]:
    """What was measured in each row of the table, and its verdict."""
    rows = re.findall(
        r"^(\S.*?)  +.*?([\d.]+)(?: (?:ms|MB|%|cores))? +([✓✗-])$", table, re.MULTILINE
    )
    return {name: (value, verdict) for name, value, verdict in rows}


@needs_programs
async def test_it_measures_a_fresh_gateway_and_ends_well_when_every_target_is_met() -> None:
    async with GatewayProcess() as gateway:
        done = await script("load_test.sh", BASE_URL=gateway.url, **LITTLE, **GENEROUS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"process {gateway.process.pid}\n" in done.stdout
        assert (await ask(gateway.port, "GET", "/v1/sessions")).json["total"] == 0
    rows = measured(done.stdout)
    assert len(rows) == 12, done.stdout
    assert rows["Sessions that answer at the same time"] == ("4", "✓")
    assert float(rows["First word of a stream, 99 %"][0]) > 0
    assert float(rows["Longest wait between two pieces, 99 %"][0]) > 10, "words come every 15 ms"
    assert float(rows["Memory afterwards"][0]) > 20
    assert rows["… errors"] == ("0.000", "✓")


@needs_programs
async def test_a_target_that_is_missed_is_told_by_the_table_and_the_exit_code() -> None:
    hard = GENEROUS | {"LOAD_P50_MS": "1", "LOAD_SESSION_MS": "0.001"}
    async with GatewayProcess() as gateway:
        done = await script("load_test.sh", BASE_URL=gateway.url, **LITTLE, **hard)
    assert done.returncode == 1
    verdicts = {name: verdict for name, (_, verdict) in measured(done.stdout).items()}
    assert [name for name, verdict in verdicts.items() if verdict == "✗"] == [
        "A new session, 99 %",
        "… half of them",
    ]


@needs_programs
async def test_errors_are_counted() -> None:
    rules = SCRIPTS.parent / "tests/scripts/overloaded.json"
    env = {"MOCK_SCRIPT": str(rules), "GATEWAY_MAX_RETRIES": "0", "GATEWAY_BREAKER_FAILURES": "0"}
    async with GatewayProcess(env) as gateway:
        load = LITTLE | GENEROUS | {"LOAD_SAMPLES": "0"}
        done = await script("load_test.sh", BASE_URL=gateway.url, **load)
    assert measured(done.stdout)["… errors"] == ("100.000", "✗"), done.stdout + done.stderr


@needs_programs
async def test_a_soak_watches_memory() -> None:
    async with GatewayProcess() as gateway:
        how = LITTLE | GENEROUS | {"LOAD_GROWTH_MB": "100"}
        done = await script("load_test.sh", "--soak", "2", BASE_URL=gateway.url, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = measured(done.stdout)
    assert rows["Soak of 2 s, errors in the worst tenth"] == ("0.000", "✓")
    assert rows["… memory gained since the first tenth"][1] == "✓"


@needs_programs
async def test_a_gateway_that_asks_claude_is_not_burdened_unless_somebody_means_it() -> None:
    async with GatewayProcess({"ANTHROPIC_API_KEY": "sk-ant-CANARY"}) as gateway:
        done = await script("load_test.sh", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "--live" in done.stderr
    assert done.stdout == ""


@needs_programs
async def test_a_key_goes_along_and_is_never_shown() -> None:
    env = {"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": "gw-CANARY-load"}
    async with GatewayProcess(env) as gateway:
        key = {"API_KEY": "gw-CANARY-load", "BASE_URL": gateway.url}
        done = await script("load_test.sh", **key, **LITTLE, **GENEROUS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CANARY" not in done.stdout + done.stderr
