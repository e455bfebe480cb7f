"""Checks of the machine itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from claude_gateway.defaults.memory import allowance, available
from claude_gateway.types.health import Health

MIB = 2**20
LEAST_DISK = 24 * MIB
LEAST_MEMORY = 64 * MIB


class DiskSpace:
    """Room to store answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self) -> Health:
        """24 MB are enough to work."""
        free = shutil.disk_usage(self._folder).free
        return Health(free >= LEAST_DISK, f"{free // MIB} MB free in the data folder")


class Memory:
    """Memory for more streams."""

    def __init__(
        self,
        meminfo: Path = Path("/proc/meminfo"),
        group: Path = Path("/proc/self/cgroup"),
        groups: Path = Path("/sys/fs/cgroup"),
    ) -> None:
        self._meminfo = meminfo
        self._group = group
        self._groups = groups

    async def check(self) -> Health:
        """Look at the machine, and at what a container may have.

        That is read on Linux; elsewhere there is nothing to read, and no complaint.
        """
        free, own = available(self._meminfo), allowance(self._group, self._groups)
        if own is not None and (free is None or own[0] < free):
            free, most = own
            said = f"{free // MIB} MB left of the {most // MIB} MB that the container may have"
            return Health(free >= LEAST_MEMORY, said)
        if free is None:
            return Health(True, "not measured on this system")
        return Health(free >= LEAST_MEMORY, f"{free // MIB} MB available")
