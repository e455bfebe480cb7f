"""The script that tries every endpoint."""

from __future__ import annotations

import re
from typing import Any

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from claude_gateway.web.app import ROUTES
from tests.scripts.running import SCRIPTS, script

KEY = 'gw-CANARY-"smoke\\'


async def stored(gateway: GatewayProcess, key: str = "") -> dict[str, Any]:
    headers = {"x-api-key": key} if key else {}
    pages = {name: f"/v1/{name}" for name in ("projects", "sessions")}
    return {n: (await ask(gateway.port, "GET", p, b"", headers)).json[n] for n, p in pages.items()}


async def test_a_fresh_gateway_passes_and_keeps_nothing() -> None:
    async with GatewayProcess() as gateway:
        before = await stored(gateway)
        done = await script("smoke.sh", BASE_URL=gateway.url + "/")
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^\d+ passed, 0 failed, 0 skipped$", done.stdout, re.MULTILINE)
        assert done.stderr == ""
        assert await stored(gateway) == before


async def test_it_passes_where_a_key_is_wanted_and_never_shows_it() -> None:
    async with GatewayProcess({"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": KEY}) as gateway:
        done = await script("smoke.sh", BASE_URL=gateway.url, API_KEY=KEY)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "CANARY" not in done.stdout + done.stderr
        assert (await stored(gateway, KEY))["sessions"] == []


async def test_what_is_wrong_is_said_and_told_by_the_exit_code() -> None:
    async with GatewayProcess({"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": KEY}) as gateway:
        done = await script("smoke.sh", BASE_URL=gateway.url)
    assert done.returncode == 1
    assert "✓ GET /health 200" in done.stdout
    assert "✗ GET /v1/models\n      expected 200, got 401: {" in done.stdout
    assert "0 failed" not in done.stdout


def test_every_route_has_its_line() -> None:
    source = (SCRIPTS / "smoke.sh").read_text(encoding="utf-8")
    source = re.sub(r"\{([a-z_]+):[^}]*\}", r"{\1}", source)
    tried = set(re.findall(r"try [\d,]+ ([A-Z]+) [\"']?(/[^\s\"'?]*)", source))
    for place in re.findall(r"^for place in (.*); do", source, re.MULTILINE):
        for word in place.split():
            tried |= {(method, word.strip('"')) for method in ("GET", "POST", "DELETE")}
    missing = {(route.method, route.path) for route in ROUTES} - tried
    assert not missing, "scripts/smoke.sh does not try them"
