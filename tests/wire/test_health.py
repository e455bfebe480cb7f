"""Every line of /health goes bad and good again with what it is about, in a running gateway."""

from __future__ import annotations

import asyncio
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import FakeAnthropic, GatewayProcess, Reply
from claude_gateway.testing.raw import ask
from claude_gateway.testing.wire import error
from tests.wire.test_full_disk import fill

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFTEN = {"GATEWAY_HEALTH_SECONDS": "0.05"}
MIB = 2**20


async def becomes(gateway: GatewayProcess, line: str, ok: bool) -> str:
    """Wait until a line says so, and return why; whatever it says, the gateway answers and is there."""
    async with asyncio.timeout(15):
        while True:
            answer = await ask(gateway.port, "GET", "/health?deep=1")
            assert answer.status == 200
            health: Mapping[str, Any] = answer.json
            assert health["ok"] is True
            assert health["status"] == ("healthy" if all(health["checks"].values()) else "degraded")
            detail = health["details"][line]
            assert detail.keys() == {"ok", "detail", "age_seconds"}
            assert detail["ok"] is health["checks"][line]
            if health["checks"][line] is ok and detail["age_seconds"] is not None:
                assert detail["age_seconds"] < 15
                return str(detail["detail"])
            await asyncio.sleep(0.02)


async def test_the_database_that_nobody_can_write_to() -> None:
    async with GatewayProcess(OFTEN) as gateway:
        assert "MB, log" in await becomes(gateway, "database", ok=True)
        with closing(sqlite3.connect(gateway.folder / "data/gateway.db")) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            said = await becomes(gateway, "database", ok=False)
            assert said == "it cannot be written to: database is locked"
            other.execute("ROLLBACK")
        await becomes(gateway, "database", ok=True)


async def test_an_upstream_that_refuses_the_key(
    env: dict[str, str], upstream: FakeAnthropic
) -> None:
    async with GatewayProcess(env | OFTEN) as gateway:
        await becomes(gateway, "anthropic_api", ok=True)
        wrong = Reply(401, error("authentication_error", "invalid x-api-key sk-ant-CANARY-it"))
        upstream.always(wrong, path="/v1/models")
        said = await becomes(gateway, "anthropic_api", ok=False)
        assert "401" in said
        assert "CANARY" not in said
        upstream.reset()
        await becomes(gateway, "anthropic_api", ok=True)


async def test_a_disk_that_fills_up(small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    env = {"GATEWAY_DATA_DIR": str(small_disk / "data"), **OFTEN}
    async with GatewayProcess(env) as gateway:
        assert "MB free in the data folder" in await becomes(gateway, "disk_space", ok=True)
        ballast = fill(small_disk)
        left = await becomes(gateway, "disk_space", ok=False)
        # It may have looked in the middle; with less than 24 MB it says so.
        assert left in [f"{size} MB free in the data folder" for size in range(24)]
        ballast.unlink()
        await becomes(gateway, "disk_space", ok=True)


async def test_memory_that_runs_out_on_the_machine_and_in_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown(tmp_path)
    async with shown.gateway(monkeypatch) as gateway:
        assert await becomes(gateway, "memory", ok=True) == "500 MB available"
        shown.machine(63)
        assert await becomes(gateway, "memory", ok=False) == "63 MB available"
        shown.machine(500)
        await becomes(gateway, "memory", ok=True)
        shown.container(most=256, used=200)
        said = await becomes(gateway, "memory", ok=False)
        assert said == "56 MB left of the 256 MB that the container may have"
        shown.container(most=256, used=100)
        await becomes(gateway, "memory", ok=True)


class Shown:
    """What a gateway sees in place of this machine's memory, in a mount namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._groups = folder / "groups"
        self._groups.mkdir()
        (folder / "own").write_text("0::/\n")
        self.machine(500)

    def machine(self, free: int) -> None:
        """Say how many MB are free."""
        (self._folder / "meminfo").write_text(f"MemAvailable: {free * 1024} kB\n")

    def container(self, most: int, used: int) -> None:
        """Say how many MB a container may have, and has."""
        (self._groups / "memory.current").write_text(f"{used * MIB}\n")
        (self._groups / "memory.max").write_text(f"{most * MIB}\n")

    def gateway(self, monkeypatch: pytest.MonkeyPatch) -> GatewayProcess:
        """Return one that sees this."""
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
            if os.environ.get("CI") == "true":
                pytest.fail("CI must be able to make a mount namespace")
            pytest.skip("only root can show a process another /proc/meminfo")
        mounts = [
            (self._folder / "meminfo", "/proc/meminfo"),
            (self._folder / "own", "/proc/$$/cgroup"),
            (self._groups, "/sys/fs/cgroup"),
        ]
        binding = " && ".join(f"mount --bind {what} {where}" for what, where in mounts)
        script = self._folder / "python"
        inside = shlex.quote(f'{binding} && exec {sys.executable} "$@"')
        script.write_text(f'#!/bin/sh\nexec unshare -m sh -c {inside} python "$@"\n')
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        return GatewayProcess(OFTEN)
