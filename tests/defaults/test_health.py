"""Disk and memory: what is enough, and what cannot be measured."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from claude_gateway import Health, Settings
from claude_gateway.defaults import Defaults
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.health import DiskSpace, Memory

MIB = 2**20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "ok"), [(24 * MIB, True), (24 * MIB - 1, False), (0, False)])
async def test_24_mb_of_disk_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, ok: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free, 0, free))
    health = await DiskSpace(tmp_path).check()
    assert health == Health(ok, f"{free // MIB} MB free in the data folder")


async def test_the_disk_is_really_looked_at(tmp_path: Path) -> None:
    assert "MB free" in (await DiskSpace(tmp_path).check()).detail
    with pytest.raises(FileNotFoundError):
        await DiskSpace(tmp_path / "gone").check()


@pytest.mark.parametrize(("kib", "ok"), [(64 * 1024, True), (64 * 1024 - 1, False)])
async def test_64_mb_of_memory_are_enough(tmp_path: Path, kib: int, ok: bool) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 1 kB\nMemAvailable:   {kib} kB\nSwapFree: 0 kB\n")
    assert await Memory(meminfo).check() == Health(ok, f"{kib // 1024} MB available")


@pytest.mark.parametrize("text", [None, "", "MemTotal: 1 kB\n", "MemAvailable: some kB\n"])
async def test_memory_that_cannot_be_measured_is_no_complaint(
    tmp_path: Path, text: str | None
) -> None:
    meminfo = tmp_path / "meminfo"
    if text is not None:
        meminfo.write_text(text)
    assert await Memory(meminfo).check() == Health(True, "not measured on this system")


async def test_both_are_offered_for_the_data_folder(tmp_path: Path) -> None:
    settings = Settings.read({"GATEWAY_DATA_DIR": str(tmp_path)}, names.ALL)
    disk, memory = Defaults().register_health_checks(settings)
    assert (disk.name, memory.name) == ("disk_space", "memory")
    async with disk.open() as check:
        assert "data folder" in (await check.check()).detail
