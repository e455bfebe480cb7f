"""Folders made, files and folders moved. Nothing that is there is replaced."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

from claude_gateway import ToolResult
from claude_gateway_filesystem.places import Place, Project, check_file, status

# Disks without hard links, and files of others that the system lets nobody link to.
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def create_directory(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Make a folder, and those above it, where they are missing."""
    place = project.place(given, "path")
    with place.errors():
        place.workspace.make_folder(place.relative)
    return ToolResult.of(f"The folder {place.shown} is there.", {"path": place.shown})


def move_file(project: Project, given: Mapping[str, object]) -> ToolResult:
    """Move or rename a file or folder."""
    source, target = project.place(given, "source"), project.place(given, "destination")
    with source.parent() as (from_folder, old), target.parent(make=True) as (to_folder, new):
        if (found := status(from_folder, old)) is None:
            source.refuse("is not there")
        if status(to_folder, new) is not None:
            target.refuse("is there already")
        if stat.S_ISDIR(found.st_mode):
            _move_folder(source, target, (from_folder, to_folder))
        else:
            check_file(found, source)
            with target.errors():
                _move_file((old, from_folder), (new, to_folder))
    return ToolResult.of(
        f"Moved {source.shown} to {target.shown}.",
        {"source": source.shown, "destination": target.shown},
    )


def _move_folder(source: Place, target: Place, folders: tuple[int, int]) -> None:
    if f"{target.relative}/".startswith(f"{source.relative}/"):
        target.refuse("is inside the folder that is moved")
    old, new = source.relative.rpartition("/")[2], target.relative.rpartition("/")[2]
    with target.errors():  # a folder never replaces one with something in it
        os.rename(old, new, src_dir_fd=folders[0], dst_dir_fd=folders[1])


def _move_file(old: tuple[str, int], new: tuple[str, int]) -> None:
    """Give a file its new name before it loses the old one, so that it cannot replace another."""
    try:
        os.link(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1], follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in NO_LINKS:
            raise
        os.rename(old[0], new[0], src_dir_fd=old[1], dst_dir_fd=new[1])
    else:
        os.unlink(old[0], dir_fd=old[1])
