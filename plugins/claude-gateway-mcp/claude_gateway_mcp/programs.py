"""A server's program: started in a process group of its own, and ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from functools import partial
from typing import IO, cast

from claude_gateway_mcp.guarding import Guard
from claude_gateway_mcp.reasons import Failed
from claude_gateway_mcp.specs import Program

LINE = 2**16  # bytes read at a time
GOODBYE = 2.0  # seconds to end by itself, when nothing comes any more
LAST_WORDS = 2.0  # seconds after SIGTERM
POLL = 0.01  # seconds
GLANCE = 0.5  # seconds between looks at one that should run
KERNEL = 1.0  # seconds


class Running:
    """A program that runs. `stdout` and `stderr` are read by somebody else."""

    def __init__(self, process: subprocess.Popen[bytes], guard: Guard) -> None:
        self._process = process
        self._guard = guard
        self._loop = asyncio.get_running_loop()
        self._transports: list[asyncio.BaseTransport] = []
        self._flow = _Flow()
        self._stdin: asyncio.WriteTransport | None = None
        self.stdout = asyncio.StreamReader(LINE)
        self.stderr = asyncio.StreamReader(LINE)

    @property
    def pid(self) -> int:
        """Its process, which is the number of its group as well."""
        return self._process.pid

    async def connect(self) -> None:
        """Take hold of its pipes."""
        for reader, pipe in (
            (self.stdout, self._process.stdout),
            (self.stderr, self._process.stderr),
        ):
            made = partial(asyncio.StreamReaderProtocol, reader)
            opened, _ = await self._loop.connect_read_pipe(made, pipe)
            self._transports.append(opened)
        stdin = cast("IO[bytes]", self._process.stdin)
        self._stdin, _ = await self._loop.connect_write_pipe(lambda: self._flow, stdin)
        self._transports.append(self._stdin)

    async def write(self, data: bytes) -> None:
        """Write to its standard input, and wait while it does not read. Raises BrokenPipeError."""
        if self._stdin is None or self._flow.lost or self._stdin.is_closing():
            raise BrokenPipeError
        self._stdin.write(data)
        await self._flow.writable.wait()

    async def gone(self) -> None:
        """Wait until it has ended by itself. What it started may hold its pipes open all the same."""
        while self._process.poll() is None:  # noqa: ASYNC110  # a process
            await asyncio.sleep(GLANCE)

    async def how_it_ended(self, patience: float) -> str:
        """Return how it ended, as a phrase; "" while it runs."""
        if not await self._gone(patience):
            return ""
        code = self._process.returncode
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    async def end(self) -> None:
        """End it and whatever it started: its input first, then SIGTERM, then SIGKILL."""
        try:
            if self._stdin is not None:
                self._stdin.abort() if self._flow.paused else self._stdin.close()
            if await self._gone(GOODBYE) and not self._group_alive():
                return
            self._signal(signal.SIGTERM)
            await self._all_gone(LAST_WORDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End whatever is left, at once; waits for nothing but the kernel."""
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel may still be busy with it
            self._process.wait(KERNEL)
        self._reap()
        self._guard.forget(self.pid)
        for transport in self._transports:
            transport.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not self._transports:
                pipe.close()

    async def _gone(self, patience: float) -> bool:
        end = self._loop.time() + patience
        while self._process.poll() is None and self._loop.time() < end:  # noqa: ASYNC110  # a process
            await asyncio.sleep(POLL)
        return self._process.poll() is not None

    async def _all_gone(self, patience: float) -> None:
        end = self._loop.time() + patience
        while (self._process.poll() is None or self._group_alive()) and self._loop.time() < end:
            self._reap()
            await asyncio.sleep(POLL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _group_alive(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS says so of those that nobody has reaped yet
            return True
        return True

    def _reap(self) -> None:
        """Take leave of orphans of the group, which are ours where the gateway is process 1."""
        if self._process.poll() is None:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG) != (0, 0):
                pass


class _Flow(asyncio.Protocol):
    """Knows whether a pipe takes more."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self.paused = False
        self.lost = False

    def pause_writing(self) -> None:
        self.paused = True
        self.writable.clear()

    def resume_writing(self) -> None:
        self.paused = False
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.writable.set()


def start(program: Program, guard: Guard) -> Running:
    """Start a program, without a shell. Raises Failed with the reason."""
    if not program.folder.is_dir():
        raise Failed(f"The folder {program.folder}, which it is to run in, is not there.")
    found = shutil.which(program.command, path=program.environment.get("PATH", os.defpath))
    if found is None and os.sep in program.command:
        found = str(program.folder / program.command)
    if found is None:
        raise Failed(
            f"The program {program.command!r} was not found on the PATH; install it, or say where it is."
        )
    try:
        guard.ready()
        process = subprocess.Popen(  # noqa: S603  # what the operator's file says
            [found, *program.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=program.folder,
            env=dict(program.environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it has a NUL byte"
        raise Failed(f"The program {program.command!r} cannot be started: {why}.") from None
    guard.watch(process.pid)
    return Running(process, guard)
