"""The folder that projects live in, and the only way into it.

Paths come from clients. What one means is read without a look at the disk; what is opened or made is
walked to from the root, from one open folder to the next, and no symbolic link is followed: whoever
swaps a folder for a link meanwhile gains nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NoReturn

from claude_gateway.errors import Conflict, InvalidRequest, StorageFull, Unavailable

ROOT = "/workspace"  # what clients call it, wherever it is
LONGEST_PATH, LONGEST_NAME = 1024, 255  # bytes

NO_WAY = {
    errno.ELOOP: "leads through a symbolic link",
    errno.ENOTDIR: "leads through a file or a symbolic link",
    errno.ENAMETOOLONG: "is too long for this disk",
    errno.EINVAL: "has a name that this disk does not take",
    errno.EILSEQ: "has a name that this disk does not take",
    errno.EACCES: "leads into a folder that the gateway may not use",
    errno.EPERM: "leads into a folder that the gateway may not use",
}
FULL = (errno.ENOSPC, errno.EDQUOT)


class Workspace:
    """Everything below `root`, and nothing else. Errors name the `field` that the path came in."""

    def __init__(self, root: Path, field: str = "path") -> None:
        self.root = root.absolute()
        self._field = field

    def resolve(self, path: str, base: str = "") -> str:
        """Return where in the workspace `path` is, as `a/b`; `.` is the workspace itself.

        It may be relative to `base`, which is a folder of the workspace, or begin with /workspace
        or with the real place. Raises InvalidRequest for what is, or could be, outside `base`.
        """
        parts = self._parts(path)
        if not path.startswith("/"):
            return str(PurePosixPath(base, *parts))
        place = PurePosixPath(*self._below_root(PurePosixPath("/", *parts)))
        if not place.is_relative_to(PurePosixPath(base)):
            self._refuse("is outside the project's folder; give a relative one")
        return str(place)

    def make_folder(self, relative: str) -> Path:
        """Make the folder, and those on the way to it, where they are missing.

        Raises InvalidRequest when something else is in the way, Conflict when it was moved
        meanwhile, StorageFull, or Unavailable.
        """
        with self.open_folder(relative, make=True):
            return self.root / relative

    @contextmanager
    def open_folder(self, relative: str, *, make: bool = False) -> Iterator[int]:
        """Walk to a folder and yield its descriptor, which no swap of names changes any more.

        Raises as `make_folder`, and NotADirectoryError never: every reason is said.
        """
        with _descriptor(self._open_root()) as root:
            folder = os.dup(root)
            try:
                for name in self._parts(relative):
                    above, folder = folder, self._step(folder, name, make=make)
                    os.close(above)
                yield folder
            finally:
                os.close(folder)

    def _below_root(self, path: PurePosixPath) -> tuple[str, ...]:
        roots = (PurePosixPath(ROOT), self.root, self.root.resolve())
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is None:
            self._refuse(f"is outside the workspace; give a relative one, or one below {ROOT}/")
        return path.relative_to(root).parts

    def _open_root(self) -> int:
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise _unusable(exc) from exc

    def _step(self, folder: int, name: str, *, make: bool) -> int:
        """Open the folder `name` in an open one."""
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            if make:
                raise Conflict(
                    f"The folder {name[:50]!r} was moved meanwhile. Try again."
                ) from None
            self._refuse("is not there")
        except OSError as exc:
            if (why := NO_WAY.get(exc.errno or 0)) is not None:
                self._refuse(why)
            raise _unusable(exc) from exc

    def _parts(self, path: str) -> tuple[str, ...]:
        """Take a path apart, or refuse what no folder is called."""
        if any(ord(char) < ord(" ") or ord(char) == 127 for char in path):  # noqa: PLR2004  # DEL
            self._refuse("has control characters")
        parts = tuple(part for part in path.split("/") if part not in ("", "."))
        if ".." in parts:
            self._refuse("must not have '..' in it")
        try:
            sizes = [len(part.encode()) for part in parts]
        except UnicodeEncodeError:
            self._refuse("is not valid Unicode")
        if sum(sizes) + len(sizes) > LONGEST_PATH or max(sizes, default=0) > LONGEST_NAME:
            self._refuse(f"must have at most {LONGEST_NAME} bytes a name and {LONGEST_PATH} in all")
        return parts

    def _refuse(self, why: str) -> NoReturn:
        raise InvalidRequest(f"{self._field} {why}.", code="invalid_path", param=self._field)


@contextmanager
def _descriptor(number: int) -> Iterator[int]:
    try:
        yield number
    finally:
        os.close(number)


def _unusable(exc: OSError) -> StorageFull | Unavailable:
    why = exc.strerror or type(exc).__name__
    if exc.errno in FULL:
        return StorageFull(f"There is no room in the workspace for another folder ({why}).")
    return Unavailable(f"The workspace cannot be used ({why}).", code="workspace_unavailable")
