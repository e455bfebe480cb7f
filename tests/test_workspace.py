"""Paths that clients name end in the workspace or nowhere."""

from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claude_gateway.errors import Conflict, InvalidRequest, StorageFull, Unavailable
from claude_gateway.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    return root


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("/workspace/ios-app", "ios-app"),
        ("/workspace/a//b/./c/", "a/b/c"),
        ("//workspace/a", "a"),
        ("/workspace", "."),
        ("/workspace/", "."),
        ("a/b", "a/b"),
        ("./a", "a"),
        ("", "."),
        ("...", "..."),
        ("a..b", "a..b"),
        ("%2e%2e", "%2e%2e"),
        ("Büro/日本 🙂", "Büro/日本 🙂"),
        ("workspace/a", "workspace/a"),
    ],
)
def test_a_path_is_read_as_a_place_in_the_workspace(root: Path, path: str, relative: str) -> None:
    assert Workspace(root).resolve(path) == relative


def test_the_real_place_of_the_workspace_is_understood_too(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert Workspace(root).resolve(f"{root}/a") == "a"
    assert Workspace(link).resolve(f"{link}/a") == "a"
    assert Workspace(link).resolve(f"{root}/a") == "a"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "/workspace/..",
        "/workspace/../etc",
        "/etc/passwd",
        "/",
        "/workspace-evil",
        "/workspace-evil/a",
        "/workspaces/a",
        "/WORKSPACE/a",
        "/proc/self/environ",
        "a\0b",
        "\0",
        "a\nb",
        "a\x7fb",
        "a" * 256,
        "é" * 128,
        "a/" * 600,
        "\ud800",
    ],
)
def test_s6_what_is_or_could_be_elsewhere_is_refused(root: Path, path: str) -> None:
    with pytest.raises(InvalidRequest) as failure:
        Workspace(root).resolve(path)
    assert (failure.value.param, failure.value.code) == ("path", "invalid_path")


def test_s6_a_neighbour_with_the_same_beginning_is_elsewhere(root: Path) -> None:
    with pytest.raises(InvalidRequest, match="outside the workspace"):
        Workspace(root).resolve(f"{root}-evil/a")


@settings(deadline=None)
@given(st.text(max_size=60))
@example("/workspace/\x00")
@example("..\u2024/..")
def test_s6_no_text_means_a_place_outside(path: str) -> None:
    root = Path("/srv/files")
    try:
        relative = Workspace(root).resolve(path)
    except InvalidRequest:
        return
    place = os.path.normpath(root / relative)
    assert Path(place).is_relative_to(root)


def test_a_folder_is_made_with_those_above_it(root: Path) -> None:
    assert Workspace(root).make_folder("a/b/c") == root / "a/b/c"
    assert (root / "a/b/c").is_dir()


def test_a_folder_that_is_there_stays_as_it_is(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a/file").write_text("kept")
    Workspace(root).make_folder("a")
    assert (root / "a/file").read_text() == "kept"


def test_the_workspace_itself_needs_no_making(root: Path) -> None:
    assert Workspace(root).make_folder(".") == root


@pytest.mark.parametrize("target", ["..", "/etc", "inside", "missing"])
@pytest.mark.parametrize("path", ["link", "link/a", "link/a/b"])
def test_s6_no_symbolic_link_is_followed(root: Path, target: str, path: str) -> None:
    (root / "inside").mkdir()
    (root / "link").symlink_to(target)
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(InvalidRequest, match="symbolic link") as failure:
        Workspace(root).make_folder(path)
    assert failure.value.param == "path"
    assert sorted(root.parent.rglob("*")) == before


def test_a_file_in_the_way_is_said(root: Path) -> None:
    (root / "file").touch()
    for path in ("file", "file/a"):
        with pytest.raises(InvalidRequest, match="through a file"):
            Workspace(root).make_folder(path)


def test_a_folder_that_must_be_there_is_not_made(root: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not there"), Workspace(root).open_folder("a"):
        pass
    assert list(root.iterdir()) == []


def test_s6_an_open_folder_stays_the_same_whatever_happens_to_its_name(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    with Workspace(root).open_folder("a/b", make=True) as folder:
        (root / "a").rename(root / "moved")
        (root / "a").symlink_to(outside)
        os.mkdir("c", dir_fd=folder)
    assert (root / "moved/b/c").is_dir()
    assert list(outside.iterdir()) == []


def test_s6_swapping_a_folder_for_a_link_meanwhile_lets_nothing_out(root: Path) -> None:
    outside, aside = root.parent / "outside", root.parent / "aside"
    (outside / "b").mkdir(parents=True)
    (root / "a").mkdir()
    aside.symlink_to(outside)
    done = threading.Event()
    swapping = threading.Thread(target=swap, args=(root / "a", aside, done))
    swapping.start()
    refused = made = 0
    try:
        while min(refused, made) < 500:
            try:
                Workspace(root).make_folder(f"a/b/{made}")
                made += 1
            except InvalidRequest:
                refused += 1
    finally:
        done.set()
        swapping.join()
    assert [path.name for path in outside.rglob("*")] == ["b"]


def swap(one: Path, other: Path, done: threading.Event) -> None:
    """Let two names change places, over and over; at no moment is either of them missing."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    while not done.is_set():
        assert renameat2(-100, bytes(one), -100, bytes(other), 2) == 0, ctypes.get_errno()


@pytest.mark.parametrize("make", [False, True])
def test_no_descriptor_is_left_open(root: Path, make: bool) -> None:
    (root / "link").symlink_to("/")
    (root / "a/b").mkdir(parents=True)
    before = len([*Path("/proc/self/fd").iterdir()])
    for path in ("a/b", ".", "link", "a/link", "a/missing/b"):
        try:
            with Workspace(root).open_folder(path, make=make):
                pass
        except InvalidRequest:
            continue
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_without_the_workspace_nothing_is_made(root: Path) -> None:
    root.rmdir()
    with pytest.raises(Unavailable, match="cannot be used") as failure:
        Workspace(root).make_folder("a")
    assert failure.value.code == "workspace_unavailable"
    assert not root.exists()


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, code: int) -> Iterator[None]:
    def mkdir(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", mkdir)
        yield


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EROFS, Unavailable),
        (errno.EIO, Unavailable),
        (errno.EACCES, InvalidRequest),
        (errno.ENAMETOOLONG, InvalidRequest),
    ],
)
def test_what_the_disk_refuses_is_said_as_what_it_is(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    with failing(monkeypatch, code), pytest.raises(kind):
        Workspace(root).make_folder("a")


def test_a_folder_that_goes_while_it_is_made_can_be_tried_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "mkdir", lambda *_, **__: None)
    with pytest.raises(Conflict, match="Try again"):
        Workspace(root).make_folder("a")
