"""How much memory there is left: on the machine, and within what a container may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

UNIFIED = "0::/"  # how the line of version 2 begins in /proc/self/cgroup


def available(meminfo: Path) -> int | None:
    """Return the bytes that Linux calls available on the machine; None where it does not say."""
    found = _numbers(meminfo, "MemAvailable:")
    return None if found is None else found * 1024


def allowance(own: Path, tree: Path) -> tuple[int, int] | None:
    """Return what is left of the tightest limit of this process's groups, and that limit, in bytes.

    `own` is like /proc/self/cgroup, `tree` like /sys/fs/cgroup. Pages of files that are not in use are
    given back before anybody is refused memory, so they are counted as left. None: nothing limits it,
    or this system does not have version 2 of control groups.
    """
    limits = [found for group in _groups(own, tree) if (found := _limit(group)) is not None]
    return min(limits, default=None)


def _limit(group: Path) -> tuple[int, int] | None:
    most, used = _number(group / "memory.max"), _number(group / "memory.current")
    if most is None or used is None:
        return None
    idle = _numbers(group / "memory.stat", "inactive_file ") or 0
    return max(0, most - max(0, used - idle)), most


def _groups(own: Path, tree: Path) -> Iterator[Path]:
    """Yield the group of this process and those around it; limits of all of them hold."""
    line = next((line for line in _lines(own) if line.startswith(UNIFIED)), None)
    if line is None:
        return
    place = tree / line.removeprefix(UNIFIED)
    yield place
    while place != tree and tree in place.parents:
        place = place.parent
        yield place


def _number(file: Path) -> int | None:
    text = "".join(_lines(file))
    return int(text) if text.isdigit() else None  # `max` is no limit


def _numbers(file: Path, name: str) -> int | None:
    """Return the number behind a name."""
    line = next((line for line in _lines(file) if line.startswith(name)), "")
    words = line.removeprefix(name).split()
    return int(words[0]) if words and words[0].isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return []
