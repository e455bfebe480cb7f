"""Files written as a whole: whoever reads sees the old one or the new one, never a part."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress

from claude_gateway import InvalidRequest, ToolResult
from claude_gateway_filesystem import arguments
from claude_gateway_filesystem.places import (
    Place,
    Project,
    changed,
    check_file,
    meanwhile,
    status,
)


def write_file(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Write a file, new or instead of the one that is there."""
    place = project.place(given, "path")
    data = encoded(arguments.text(given, "content"), "content", project.largest)
    made = replace(place, data)
    words = "Made" if made else "Replaced"
    return ToolResult.of(
        f"{words} {place.shown}, {len(data)} bytes.",
        {"path": place.shown, "size": len(data), "created": made},
    )


def encoded(text: str, key: str, largest: int) -> bytes:
    """Return text as bytes. Raises InvalidRequest for more than are written."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{key} is not valid Unicode.", param=key) from None
    if len(data) > largest:
        raise InvalidRequest(
            f"{key} has {len(data)} bytes; {largest} are the most that are written.", param=key
        )
    return data


def replace(place: Place, data: bytes, before: os.stat_result | None = None) -> bool:
    """Put a new file there and return whether there was none.

    With `before`, it must still be the file that was seen then; Conflict otherwise. A file that
    was there keeps its permissions; other names of it (hard links) keep the old content.
    """
    with place.parent(make=True) as (folder, name):
        old = status(folder, name)
        if old is not None:
            check_file(old, place)
        scratch = f".{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(scratch, flags, 0o666, dir_fd=folder), "wb") as file:
            try:
                file.write(data)
                file.flush()
                if old is not None:
                    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode) & 0o777)
                os.fsync(file.fileno())
                if before is not None and changed(before, status(folder, name)):
                    raise meanwhile(place)
                os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(scratch, dir_fd=folder)
                raise
    return old is None
