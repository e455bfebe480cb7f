"""Files that hold keys or conversations: nobody else should be able to read them."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

OTHERS = 0o077
# Written by people, and perhaps meant to be read by somebody else: they are told, no more.
BY_HAND = ("*.json", "*.toml", ".env")


def close_to_others(data: Path, dotenv: Path = Path(".env")) -> None:
    """Close the gateway's own files in its data folder; warn of those that are the operator's."""
    if os.name != "posix":
        return
    if _is_open(data) and not data.stat().st_mode & stat.S_ISVTX:  # such as /data in the image
        _warn(data, "700")
    for path in _files(data):
        if any(path.match(pattern) for pattern in BY_HAND):
            _warn(path, "600")
        elif path.stat().st_uid == os.geteuid():
            with suppress(OSError):  # on a file system that cannot
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
                log.info("a file was closed to others", extra={"file": str(path)})
    if dotenv.is_file() and _is_open(dotenv):
        _warn(dotenv.absolute(), "600")


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files that are open to others, here and one folder deeper; no link is followed."""
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        with suppress(OSError):  # gone meanwhile
            found = path.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS:
                yield path


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & OTHERS)


def _warn(path: Path, mode: str) -> None:
    log.warning(
        "others can read what is private",
        extra={"file": str(path), "cure": f"chmod {mode} {path}"},
    )
