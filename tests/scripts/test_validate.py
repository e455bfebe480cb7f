"""The script that checks what an existing app and its scripts expect."""

from __future__ import annotations

import re

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.scripts.running import ROOT, script

HAS_PROFILE = (ROOT / "plugins/claude-gateway-ios").is_dir()
KEY = "gw-CANARY-validate"
# What the app's scripts try and no app needs. A gateway may serve it; then it is checked.
NOT_SERVED = {
    "GET /v1/health/database",
    "GET /v1/health/redis",
    "GET /docs",
    "POST /v1/auth/validate",
    "POST /v1/auth/token",
    "GET /v1/analytics/metrics",
    "GET /v1/sessions/{id}/stream",
    "GET /v1/ws",
    "GET /v1/ws?token=x",
    "POST /v1/mcp/tools/invoke",
}


def skipped(output: str) -> dict[str, str]:
    return dict(re.findall(r"^  - (.*) \(skipped: (.*)\)$", output, re.MULTILINE))


async def test_a_fresh_gateway_passes_and_keeps_nothing_but_folders() -> None:
    async with GatewayProcess() as gateway:
        done = await script("validate.sh", BASE_URL=gateway.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert (await ask(gateway.port, "GET", "/v1/sessions")).json["total"] == 0
        assert (await ask(gateway.port, "GET", "/v1/projects")).json["total"] == 1
    reasons = skipped(done.stdout)
    assert {name for name, why in reasons.items() if "does not serve" in why} <= NOT_SERVED
    assert ("this gateway has no profile for the app" in reasons.values()) is not HAS_PROFILE


async def test_where_a_key_is_wanted_that_is_checked_too() -> None:
    env = {"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": KEY}
    async with GatewayProcess(env) as gateway:
        done = await script("validate.sh", BASE_URL=gateway.url, API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ GET /v1/sessions 401" in done.stdout
    assert "✓ the other way to send a key: GET /v1/models 200" in done.stdout
    assert not [name for name in skipped(done.stdout) if "without a key" in name]
    assert KEY not in done.stdout + done.stderr


async def test_what_is_wrong_is_told_by_the_exit_code() -> None:
    async with GatewayProcess({"GATEWAY_STORE": "none"}) as gateway:
        done = await script("validate.sh", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "✓ GET /health 200" in done.stdout
    assert re.search(r"✗ POST /v1/projects\n +expected 201, got 503: .*no_store", done.stdout)


async def test_the_apps_own_is_skipped_where_there_is_no_profile() -> None:
    async with GatewayProcess({"GATEWAY_PLUGINS_ALLOW": "filesystem,mock,sqlite"}) as gateway:
        done = await script("validate.sh", BASE_URL=gateway.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this gateway has no profile for the app" in skipped(done.stdout).values()
