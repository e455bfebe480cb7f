"""Which processes use the store, and which of those that did are gone.

Each holds a lock of the operating system's on a file of its own as long as it lives. The system lets
go of it when the process dies, however it dies, so a lock that can be taken is that of a dead one.
All of them share one more lock, which nobody can have alone as long as one of them lives.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import sys
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from claude_gateway import PluginError

log = logging.getLogger("claude_gateway.sqlite")

FOLDER, SHARED = "instances", "shared"
NAME = re.compile(r"[0-9a-f]{32}")


class Instances:
    """The processes that use one data folder; `own` is the name of this one."""

    def __init__(self, folder: Path, own: str) -> None:
        self.own = own
        self._folder = folder

    @classmethod
    @contextmanager
    def joined(cls, data: Path) -> Generator[Instances]:
        """Be one of them, until left. Raises PluginError while somebody is alone in there."""
        folder, own = data / FOLDER, secrets.token_hex(16)
        with ExitStack() as stack:
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                shared = stack.enter_context(_opened(folder / SHARED))
                stack.enter_context(_named(folder, own))
                free = _lock(shared, alone=False)
            except OSError as exc:
                raise PluginError(
                    f"{folder} cannot be written to ({exc.strerror}); choose another folder with "
                    "GATEWAY_DATA_DIR"
                ) from exc
            if not free:
                raise PluginError("a backup is being brought back; start again when that is done")
            yield cls(folder, own)

    def gone(self, names: Collection[str]) -> set[str]:
        """Return those that are dead, and remove what they left."""
        return {name for name in names if name != self.own and not self._alive(name)}

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


@contextmanager
def alone(data: Path) -> Generator[bool]:
    """Keep everybody out as long as entered; whether that could be done: nobody was in."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(folder / SHARED) as shared:
        yield _lock(shared)


@contextmanager
def _opened(file: Path) -> Generator[int]:
    handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _named(folder: Path, own: str) -> Generator[None]:
    """Hold a lock of this name: locked before it has the name, so that nobody finds it free."""
    making, file = folder / f"{own}.new", folder / f"{own}.lock"
    with _opened(making) as handle:
        try:
            _lock(handle)
            making.rename(file)
            yield
        finally:
            for name in (making, file):
                with suppress(OSError):
                    name.unlink(missing_ok=True)


if sys.platform == "win32":

    def _lock(handle: int, *, alone: bool = True) -> bool:
        """Always taken: without locks everybody else is taken for dead, and that is said."""
        log.warning("no file locks here: runs of other processes are taken for abandoned")
        return handle >= 0 or alone

else:
    import fcntl

    def _lock(handle: int, *, alone: bool = True) -> bool:
        """Take the lock, if others let us; return whether it was taken."""
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
