"""What an operator can choose."""

from __future__ import annotations

from claude_gateway import Setting

SECTION = "Filesystem tools"
LEAST, MOST = 2**10, 2**30  # bytes


def flag(raw: str) -> bool:
    """Yes or no."""
    word = raw.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(f"wants true or false, not {raw!r}")
    return word == "true"


def size(raw: str) -> int:
    """A number of bytes, at least a kilobyte and at most a gigabyte."""
    fine = raw.isascii() and raw.isdigit() and len(raw) <= len(str(MOST))
    if not fine or not LEAST <= int(raw) <= MOST:
        raise ValueError(f"wants a whole number from {LEAST} to {MOST}, not {raw!r}")
    return int(raw)


READ_ONLY = Setting(
    "FILESYSTEM_READ_ONLY",
    flag,
    False,
    "true: no tool changes a file; those that would are not offered.",
    SECTION,
)
LARGEST_FILE = Setting(
    "FILESYSTEM_LARGEST_FILE",
    size,
    10 * 2**20,
    "Bytes of the largest file that is read, written or searched.",
    SECTION,
)

ALL: tuple[Setting[object], ...] = (READ_ONLY, LARGEST_FILE)
