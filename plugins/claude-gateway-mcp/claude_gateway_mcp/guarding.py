"""The gateway's side of the watchdog: no program that it started survives it, whatever ends it."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from pathlib import Path

from claude_gateway_mcp import watchdog

log = logging.getLogger(__name__)

PROGRAM = str(Path(watchdog.__file__).resolve())
LEAVE = 5.0  # seconds


class Guard:
    """One watchdog for all servers, started with the first of them and again should it be killed."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def groups(self) -> frozenset[int]:
        """The process groups that are alive, as far as anybody said."""
        return frozenset(self._groups)

    @property
    def pid(self) -> int | None:
        """The watchdog's process; None while there is none."""
        return None if self._watchdog is None else self._watchdog.pid

    def ready(self) -> None:
        """See to it that the watchdog runs. Raises OSError when it cannot be started."""
        if self._watchdog is not None and self._watchdog.poll() is None:
            return
        if self._watchdog is not None:
            self._release(self._watchdog)
            log.warning("the watchdog of the MCP servers was gone and is started again")
        # A session of its own: what a terminal sends to the gateway's must not end it first.
        self._watchdog = subprocess.Popen(  # noqa: S603  # our own program, by this interpreter
            [sys.executable, "-I", "-S", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
        for group in self._groups:
            self._say(f"+{group}")

    def watch(self, group: int) -> None:
        """Add a process group."""
        self._groups.add(group)
        self._say(f"+{group}")

    def forget(self, group: int) -> None:
        """Take a process group off the list: it is gone, and its number may be another's."""
        self._groups.discard(group)
        self._say(f"-{group}")

    def close(self) -> None:
        """Let the watchdog end; what it still knows of is killed."""
        if self._watchdog is not None:
            self._release(self._watchdog)
            self._watchdog = None

    def _say(self, words: str) -> None:
        if self._watchdog is None or self._watchdog.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):  # it was killed; `ready` starts the next one
            self._watchdog.stdin.write(f"{words}\n".encode())
            self._watchdog.stdin.flush()

    def _release(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        try:
            process.wait(LEAVE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
