"""What the machine says of processes and of itself. On Linux; elsewhere nothing is known."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
# Of a core's line in /proc/stat, those fields in which it did something: neither idle nor waiting.
BUSY = (0, 1, 2, 5, 6, 7)


def cores() -> tuple[int, ...]:
    """Return the cores that this process may use; none where they cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


@contextmanager
def on_cores(*chosen: int | None) -> Iterator[None]:
    """Let what is started inside run on these cores only, and all that it starts; None is no choice."""
    wanted = {core for core in chosen if core is not None}
    if not wanted:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    found = [pid]
    for parent in found:
        for task in PROC.glob(f"{parent}/task/*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def cpu(pids: Iterable[int]) -> float:
    """Return seconds of CPU that processes have had."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = (PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory(pids: Iterable[int]) -> float:
    """Return the MiB of memory that processes hold."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in (PROC / f"{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 1024


def core_seconds(core: int | None) -> float:
    """Return seconds in which a core was busy, with whatever it was."""
    if core is not None:
        with suppress(OSError):
            for line in (PROC / "stat").read_text().splitlines():
                if line.startswith(f"cpu{core} "):
                    fields = [int(field) for field in line.split()[1:]]
                    return sum(fields[index] for index in BUSY) / TICKS
    return 0.0


def processor() -> str:
    """Return the name of the processor."""
    with suppress(OSError):
        for line in (PROC / "cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
