"""The script that fills a fresh gateway, and the lines it is made of."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import ask
from tests.plan.snippets import snippets
from tests.scripts.running import SCRIPTS, run

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        shutil.which("curl") is None and not os.environ.get("CI"), reason="curl is not installed"
    ),
]

SCRIPT = SCRIPTS / "seed_data.sh"


async def seeded(gateway: GatewayProcess, key: str = "") -> None:
    """Check that the sample data is there, once."""
    headers = {"x-api-key": key} if key else {}

    async def get(path: str) -> Any:
        return (await ask(gateway.port, "GET", path, b"", headers)).json

    projects = (await get("/v1/projects"))["projects"]
    named = {project["name"]: project for project in projects}
    assert [project["name"] for project in projects] == ["Backend API", "iOS App", "Default"]
    assert named["iOS App"]["path"] == "/workspace/ios-app"
    (session,) = (await get("/v1/sessions"))["sessions"]
    assert session["project_id"] == named["Backend API"]["id"]
    assert session["title"] == "Initial Setup"
    assert session["system_prompt"] == "You are an iOS development assistant"
    assert (gateway.folder / "workspace/ios-app").is_dir()
    assert (gateway.folder / "workspace/backend").is_dir()


@pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="jq is not installed"
)
async def test_the_plain_lines_fill_a_fresh_gateway() -> None:
    async with GatewayProcess() as gateway:
        (printed,) = snippets(name="seed")
        lines = printed.text.replace("localhost:8000", f"localhost:{gateway.port}")
        done = await run("bash", "-euc", lines)
        assert done.returncode == 0, done.stderr
        await seeded(gateway)


@pytest.mark.parametrize("jq", [True, False], ids=["with-jq", "without-jq"])
async def test_the_script_fills_a_fresh_gateway(tmp_path: Path, jq: bool) -> None:
    tools = ("bash", "curl", "cat", "dirname", "sed", *(["jq"] if jq else []))
    for name in tools:
        if place := shutil.which(name):
            (tmp_path / name).symlink_to(place)
    async with GatewayProcess() as gateway:
        done = await run(str(SCRIPT), BASE_URL=gateway.url, PATH=str(tmp_path))
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert [answer.get("name") for answer in answers] == ["iOS App", "Backend API", None]
        if shutil.which("jq"):
            assert ("jq was not found" in done.stderr) is not jq
        await seeded(gateway)


async def test_the_script_brings_a_key_where_one_is_wanted() -> None:
    key = "gw-CANARY-seed"
    async with GatewayProcess({"GATEWAY_AUTH": "required", "GATEWAY_API_KEYS": key}) as gateway:
        refused = await run(str(SCRIPT), BASE_URL=gateway.url)
        assert refused.returncode == 1
        assert "refused with 401" in refused.stderr
        done = await run(str(SCRIPT), BASE_URL=gateway.url, API_KEY=key)
        assert done.returncode == 0, done.stderr
        assert key not in done.stdout + done.stderr
        await seeded(gateway, key)
