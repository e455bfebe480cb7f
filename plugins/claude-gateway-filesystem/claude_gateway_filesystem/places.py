"""Places in the workspace, and the only way to what is there.

Folders are walked to from one open descriptor to the next and links are never followed, so what is
opened lies in the workspace whatever happens to names meanwhile. Two things look like they lie
there and cannot be told: a hard link that somebody made to a file elsewhere on the same disk, and
whatever is mounted.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from claude_gateway import (
    Conflict,
    GatewayError,
    InvalidRequest,
    StorageFull,
    Unavailable,
    Workspace,
)
from claude_gateway_filesystem import arguments

CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

WHY: Mapping[int, str] = {
    errno.ENOENT: "is not there",
    errno.ELOOP: "is a symbolic link",
    errno.ENOTDIR: "leads through a file",
    errno.EISDIR: "is a folder",
    errno.EEXIST: "is there already",
    errno.ENOTEMPTY: "is there already",
    errno.ENAMETOOLONG: "is too long for this disk",
    errno.EINVAL: "is nothing that this disk can do that with",
    errno.EILSEQ: "has a name that this disk does not take",
    errno.EACCES: "may not be used by the gateway",
    errno.EPERM: "may not be used by the gateway",
    errno.EROFS: "is on a disk that cannot be written to",
    errno.EBUSY: "is in use",
    errno.EXDEV: "is on another disk",
    errno.ENXIO: "is no ordinary file",
}


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that a call may use, and how large files may be, in bytes.

    `stopped` is set when nobody waits for the call any more.
    """

    root: Path
    folder: str
    largest: int
    stopped: threading.Event = field(default_factory=threading.Event)

    def place(self, given: Mapping[str, object], key: str, default: str | None = None) -> Place:
        """Return the place that an argument names. Raises InvalidRequest for one elsewhere."""
        path = arguments.text(given, key, default)
        workspace = Workspace(self.root, key)
        base = str(workspace.resolve(self.folder)) if self.folder else ""
        return Place(workspace, workspace.resolve(path, base), base, key)


@dataclass(frozen=True, slots=True)
class Place:
    """One place: `relative` to the workspace, below `base`, named in the argument `key`."""

    workspace: Workspace
    relative: str
    base: str
    key: str

    @property
    def shown(self) -> str:
        """The place as clients call it."""
        return "/workspace" if self.relative == "." else f"/workspace/{self.relative}"

    @contextmanager
    def folder(self) -> Iterator[int]:
        """Open it as a folder."""
        with self.errors(), self.workspace.open_folder(self.relative) as folder:
            yield folder

    @contextmanager
    def parent(self, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder it is in; yield that and its name there."""
        if self.relative in (".", self.base):
            self.refuse("is the project's own folder")
        above, _, name = self.relative.rpartition("/")
        with self.errors(), self.workspace.open_folder(above, make=make) as folder:
            yield folder, name

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Say in our words what the disk says."""
        try:
            yield
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("There is no room left in the workspace.") from None
            if (why := WHY.get(exc.errno or 0)) is not None:
                self.refuse(why)
            raise Unavailable(f"The disk failed: {exc.strerror or 'no reason given'}.") from None

    def refuse(self, why: str) -> NoReturn:
        """Refuse this place; `why` fits behind its name."""
        raise InvalidRequest(f"{self.key} {why}.", code="invalid_path", param=self.key)


def status(folder: int, name: str) -> os.stat_result | None:
    """Look at a name, never through a link; None when there is nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def check_file(found: os.stat_result, place: Place) -> None:
    """Refuse whatever is no ordinary file: links, folders, devices, pipes."""
    mode = found.st_mode
    if stat.S_ISLNK(mode):
        place.refuse("is a symbolic link, and those are not followed")
    if stat.S_ISDIR(mode):
        place.refuse("is a folder")
    if not stat.S_ISREG(mode):
        place.refuse("is no ordinary file")


def read_file(place: Place, largest: int) -> tuple[bytes, os.stat_result]:
    """Return what is in an ordinary file, and its status before it was read."""
    with place.parent() as (folder, name):
        if (found := status(folder, name)) is None:
            place.refuse("is not there")
        check_file(found, place)  # before it is opened: to open a device can do something
        with opened(folder, name) as file:
            before, data = os.fstat(file.fileno()), file.read(largest + 1)
    if len(data) > largest:
        place.refuse(f"is larger than the {largest} bytes that are read")
    return data, before


@contextmanager
def opened(folder: int, name: str) -> Iterator[BinaryIO]:
    """Open a file to read it. Raises OSError, also when it is no ordinary file."""
    number = os.open(name, os.O_RDONLY | CAREFULLY, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        yield os.fdopen(number, "rb", closefd=False)
    finally:
        os.close(number)


def decoded(data: bytes, place: Place) -> str:
    """Return a file's text. Raises InvalidRequest when it is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        place.refuse("is not text in UTF-8")
    if "\0" in text:
        place.refuse("is not text")
    return text


def changed(before: os.stat_result, now: os.stat_result | None) -> bool:
    """Whether a file is not what it was."""
    return now is None or any(
        getattr(before, part) != getattr(now, part)
        for part in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    )


def meanwhile(place: Place) -> GatewayError:
    """What is said when somebody else was there in between."""
    return Conflict(f"{place.key} was changed meanwhile. Read it again.")


def readable(name: str) -> str:
    """A name as text: bytes that are none and control characters are escaped."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
