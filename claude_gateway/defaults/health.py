"""Checks of the machine itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from claude_gateway.types.health import Health

LEAST_DISK = 24 * 2**20
LEAST_MEMORY = 64 * 2**20


class DiskSpace:
    """Room to store answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self) -> Health:
        """24 MB are enough to work."""
        free = shutil.disk_usage(self._folder).free
        return Health(free >= LEAST_DISK, f"{free // 2**20} MB free in the data folder")


class Memory:
    """Memory for more streams."""

    def __init__(self, meminfo: Path = Path("/proc/meminfo")) -> None:
        self._meminfo = meminfo

    async def check(self) -> Health:
        """Read what Linux calls available; elsewhere there is nothing to read, and no complaint."""
        try:
            lines = self._meminfo.read_text("ascii").splitlines()
        except OSError:
            return Health(True, "not measured on this system")
        available = next((line.split()[1] for line in lines if line.startswith("MemAvailable")), "")
        if not available.isdigit():
            return Health(True, "not measured on this system")
        free = int(available) * 1024
        return Health(free >= LEAST_MEMORY, f"{free // 2**20} MB available")
