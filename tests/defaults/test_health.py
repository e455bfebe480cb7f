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
NOWHERE = Path("/nowhere/at/all")


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
    assert await Memory(meminfo, NOWHERE).check() == Health(ok, f"{kib // 1024} MB available")


@pytest.mark.parametrize("text", [None, "", "MemTotal: 1 kB\n", "MemAvailable: some kB\n"])
async def test_memory_that_cannot_be_measured_is_no_complaint(
    tmp_path: Path, text: str | None
) -> None:
    meminfo = tmp_path / "meminfo"
    if text is not None:
        meminfo.write_text(text)
    assert await Memory(meminfo, NOWHERE).check() == Health(True, "not measured on this system")


class Groups:
    """Control groups of version 2, as they look to a process in `/outer/inner`."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.own = folder / "groups", folder / "own"
        self.meminfo = folder / "meminfo"
        self.meminfo.write_text(f"MemAvailable: {500 * 1024} kB\n")
        self.own.write_text("4:memory:/elsewhere\n0::/outer/inner\n")
        (self.tree / "outer/inner").mkdir(parents=True)

    def limit(self, where: str, most: object, used: int, idle: int = 0) -> None:
        group = self.tree / where
        (group / "memory.max").write_text(f"{most}\n")
        (group / "memory.current").write_text(f"{used * MIB}\n")
        (group / "memory.stat").write_text(f"anon 5\ninactive_file {idle * MIB}\n")

    async def check(self) -> Health:
        return await Memory(self.meminfo, self.own, self.tree).check()


@pytest.mark.parametrize(
    ("used", "idle", "left", "ok"),
    [(100, 0, 156, True), (192, 0, 64, True), (193, 0, 63, False), (250, 60, 66, True)],
)
async def test_the_limit_of_a_container_counts(
    tmp_path: Path, used: int, idle: int, left: int, ok: bool
) -> None:
    groups = Groups(tmp_path)
    groups.limit("outer/inner", 256 * MIB, used, idle)
    said = f"{left} MB left of the 256 MB that the container may have"
    assert await groups.check() == Health(ok, said)


async def test_the_tightest_of_all_limits_counts(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    groups.limit("outer/inner", 256 * MIB, 10)
    groups.limit("outer", 128 * MIB, 120)
    assert (await groups.check()).detail.startswith("8 MB left of the 128 MB")
    groups.own.write_text("0::/\n")  # as a process sees itself within its namespace
    groups.limit("", 100 * MIB, 95)
    assert (await groups.check()).detail.startswith("5 MB left of the 100 MB")


async def test_the_machine_counts_where_it_has_less_than_the_limit_or_there_is_none(
    tmp_path: Path,
) -> None:
    groups = Groups(tmp_path)
    assert await groups.check() == Health(True, "500 MB available")
    groups.limit("outer/inner", "max", 10)
    assert await groups.check() == Health(True, "500 MB available")
    groups.limit("outer/inner", 900 * MIB, 10)
    assert await groups.check() == Health(True, "500 MB available")


async def test_what_is_used_beyond_a_limit_leaves_nothing(tmp_path: Path) -> None:
    groups = Groups(tmp_path)
    groups.limit("outer/inner", 64 * MIB, 70)
    assert (await groups.check()).detail.startswith("0 MB left")


async def test_both_are_offered_for_the_data_folder(tmp_path: Path) -> None:
    settings = Settings.read({"GATEWAY_DATA_DIR": str(tmp_path)}, names.ALL)
    disk, memory = Defaults().register_health_checks(settings)
    assert (disk.name, memory.name) == ("disk_space", "memory")
    async with disk.open() as check:
        assert "data folder" in (await check.check()).detail
