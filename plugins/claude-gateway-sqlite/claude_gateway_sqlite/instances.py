"""Which processes use the store, and which of those that did are gone.

Each holds a lock of the operating system's on a file of its own as long as it lives. The system lets
go of it when the process dies, however it dies, so a lock that can be taken is that of a dead one.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger("claude_gateway.sqlite")

FOLDER = "instances"
NAME = re.compile(r"[0-9a-f]{32}")


class Instances:
    """The processes that use one data folder; `own` is the name of this one."""

    def __init__(self, folder: Path, own: str) -> None:
        self.own = own
        self._folder = folder

    @classmethod
    @contextmanager
    def joined(cls, data: Path) -> Generator[Instances]:
        """Be one of them, until left."""
        folder = data / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        own = secrets.token_hex(16)
        file = folder / f"{own}.lock"
        # Locked before it has its name, so that nobody finds it unlocked.
        making = folder / f"{own}.new"
        handle = os.open(making, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            if not _lock(handle):
                log.warning("no file locks here: runs of other processes are taken for abandoned")
            making.rename(file)
            yield cls(folder, own)
        finally:
            for name in (making, file):
                with suppress(OSError):
                    name.unlink(missing_ok=True)
            os.close(handle)

    def gone(self, names: Collection[str]) -> set[str]:
        """Return those that are dead, and remove what they left."""
        return {name for name in names if name != self.own and not self._alive(name)}

    def others(self) -> set[str]:
        """Return those that are alive, beside this one; what the dead have left is removed."""
        names = {file.stem for file in self._folder.glob("*.lock")} - {self.own}
        return names - self.gone(names)

    def _alive(self, name: str) -> bool:
        """Whether a process holds its lock. One of no possible name never was."""
        if not NAME.fullmatch(name):
            return False
        file = self._folder / f"{name}.lock"
        try:
            handle = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # it cannot be told, and taking a living run for dead is worse
        try:
            alive = not _lock(handle)
            if not alive:
                file.unlink(missing_ok=True)
        finally:
            os.close(handle)
        return alive


if sys.platform == "win32":

    def _lock(handle: int) -> bool:
        """Never taken: without locks everybody else is taken for dead, and said to be so."""
        return handle < 0

else:
    import fcntl

    def _lock(handle: int) -> bool:
        """Take the lock, if nobody has it; return whether it was taken."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
