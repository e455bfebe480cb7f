"""The script that measures a gateway under load."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.scripts.running import ROOT, script

KEY = "gw-CANARY-load"
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
    env = {"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": KEY}
    how = LITTLE | GENEROUS | {"LOAD_GROWTH_MB": "100", "API_KEY": KEY}
    async with GatewayProcess(env) as gateway:
        done = await script("load_test.sh", "--soak", "2", BASE_URL=gateway.url, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"process {gateway.process.pid}\n" in done.stdout
        left = await ask(gateway.port, "GET", "/v1/sessions", b"", {"x-api-key": KEY})
        assert left.json["total"] == 0
    assert "CANARY" not in done.stdout + done.stderr
    rows = measured(done.stdout)
    assert len(rows) == 14, done.stdout
    assert rows["Sessions that answer at the same time"] == ("4", "✓")
    assert float(rows["First word of a stream, 99 %"][0]) > 0
    assert float(rows["Longest wait between two pieces, 99 %"][0]) > 10, "words come every 15 ms"
    assert float(rows["Memory afterwards"][0]) > 20
    assert rows["… errors"] == ("0.000", "✓")
    assert rows["Soak of 2 s, errors in the worst tenth"] == ("0.000", "✓")
    assert rows["… memory gained since the first tenth"][1] == "✓"


@needs_programs
async def test_targets_that_are_missed_are_told_by_the_table_and_the_exit_code() -> None:
    rules = ROOT / "tests/scripts/overloaded.json"
    env = {"MOCK_SCRIPT": str(rules), "GATEWAY_MAX_RETRIES": "0", "GATEWAY_BREAKER_FAILURES": "0"}
    how = LITTLE | GENEROUS | {"LOAD_SAMPLES": "0", "LOAD_HEALTH_MS": "0"}
    async with GatewayProcess(env) as gateway:
        done = await script("load_test.sh", BASE_URL=gateway.url, **how)
    assert done.returncode == 1
    rows = measured(done.stdout)
    assert rows["… errors"] == ("100.000", "✗"), done.stdout + done.stderr
    assert rows["/health, 10 at a time, 99 %"][1] == "✗"
    assert rows["… half of them"][1] == "✓"


@needs_programs
async def test_a_gateway_that_asks_claude_is_not_burdened_unless_somebody_means_it() -> None:
    async with GatewayProcess({"ANTHROPIC_API_KEY": "sk-ant-CANARY"}) as gateway:
        done = await script("load_test.sh", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "--live" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("there", "package"), [((), "wrk"), (("wrk",), "apache2-utils")], ids=["no-wrk", "no-ab"]
)
async def test_without_a_program_that_measures_it_says_how_to_get_it(
    tmp_path: Path, there: tuple[str, ...], package: str
) -> None:
    for program in ("bash", "cat", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    for program in ("curl", *there):
        (tmp_path / program).symlink_to("/bin/true")
    done = await script("load_test.sh", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"apt-get install {package}\n" in done.stderr
    assert "brew install" in done.stderr
