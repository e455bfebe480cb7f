"""S6: nothing outside the workspace is read, written, listed, found or moved."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_gateway_filesystem.places import status

if TYPE_CHECKING:
    from tests.conftest import Tools

# How each tool is pointed at a place; those that change something come with what they would write.
USES: dict[str, dict[str, object]] = {
    "read_file": {},
    "list_directory": {},
    "search_files": {"text": "CANARY"},
    "file_info": {},
    "write_file": {"content": "CANARY"},
    "edit_file": {"edits": [{"old_text": "CANARY", "new_text": "x"}]},
    "create_directory": {},
}
NAMES = [
    "..",
    "../workspace-evil/secret",
    "a/../../workspace-evil/secret",
    "/workspace/../workspace-evil/secret",
    "/workspace-evil/secret",
    "/workspace-evil",
    "/WORKSPACE/a",
    "/",
    "/etc/passwd",
    "/proc/self/environ",
    "//etc/passwd",
    "a\0b",
    "secret\0.txt",
    "a\nb",
    "x" * 256,
    "é" * 128,
    "a/" * 600,
    "\ud800",
]
MISSING = [
    "%2e%2e/workspace-evil/secret",
    "..%2fworkspace-evil",
    "\uff0e\uff0e/secret",
    "~/x",
    "$HOME/x",
]


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("tool", USES)
@pytest.mark.parametrize("path", NAMES)
async def test_s6_a_path_that_is_or_could_be_elsewhere_is_refused(
    tools: Tools, outside: Path, tool: str, path: str
) -> None:
    before = everything(outside.parent)
    said = await tools.refused(tool, path=path, **USES[tool])
    assert "CANARY" not in said
    assert said.startswith("path ")
    assert everything(outside.parent) == before


@pytest.mark.parametrize("path", MISSING)
async def test_s6_what_only_looks_like_a_way_out_is_a_name(
    tools: Tools, outside: Path, path: str
) -> None:
    for tool in ("read_file", "file_info", "list_directory", "search_files"):
        assert await tools.refused(tool, path=path) == "path is not there."
    await tools.done("write_file", path=path, content="in")
    assert (tools.root / path).read_text() == "in"
    assert (outside / "secret").read_text() == "CANARY"


async def test_s6_letters_that_look_alike_are_not_the_same(tools: Tools) -> None:
    composed, apart = "caf\u00e9.txt", "cafe\u0301.txt"
    await tools.done("write_file", path=composed, content="1")
    assert await tools.refused("read_file", path=apart) == "path is not there."
    await tools.done("write_file", path=apart, content="2")
    assert await tools.text("read_file", path=composed) == "1"
    if not (tools.root / "CAF\u00c9.TXT").exists():
        assert await tools.refused("read_file", path="CAF\u00c9.TXT") == "path is not there."


@pytest.mark.parametrize("tool", USES)
async def test_s6_links_are_not_followed(tools: Tools, outside: Path, tool: str) -> None:
    (tools.root / "inside").mkdir()
    for name, target in (
        ("file", outside / "secret"),
        ("folder", outside),
        ("up", Path("..")),
        ("inner", tools.root / "inside"),
        ("loop", Path("loop")),
        ("gone", Path("gone-elsewhere")),
    ):
        (tools.root / name).symlink_to(target)
    before = everything(outside.parent)
    paths = ["file", "folder", "folder/secret", "up/workspace-evil/secret", "inner", "inner/a"]
    for path in [*paths, "loop", "gone"]:
        if tool == "file_info" and "/" not in path:
            assert (await tools.known(tool, path=path))["type"] == "link"
            continue
        said = await tools.refused(tool, path=path, **USES[tool])
        assert "symbolic link" in said, (path, said)
    assert everything(outside.parent) == before
    assert (outside / "secret").read_text() == "CANARY"


async def test_s6_links_are_neither_searched_nor_moved(tools: Tools, outside: Path) -> None:
    (tools.root / "folder").symlink_to(outside)
    (tools.root / "file").symlink_to(outside / "secret")
    assert await tools.text("search_files", text="CANARY") == "(Nothing was found.)"
    assert await tools.text("search_files", pattern="*secret*") == "(Nothing was found.)"
    assert await tools.text("list_directory") == "[link] file\n[link] folder"
    assert "symbolic link" in await tools.refused("move_file", source="file", destination="x")
    assert "symbolic link" in await tools.refused(
        "move_file", source="folder/secret", destination="x"
    )
    (tools.root / "mine").write_text("1")
    for target in ("folder/mine", "../workspace-evil/mine", f"{outside}/mine"):
        said = await tools.refused("move_file", source="mine", destination=target)
        assert said.startswith("destination ")
    assert await tools.refused("move_file", source="mine", destination="file") == (
        "destination is there already."
    )
    assert (tools.root / "mine").read_text() == "1"


async def test_s6_the_real_place_of_the_workspace_is_understood_and_its_neighbour_is_not(
    tools: Tools, outside: Path
) -> None:
    (tools.root / "a").write_text("1")
    assert await tools.text("read_file", path=f"{tools.root}/a") == "1"
    assert "outside the workspace" in await tools.refused("read_file", path=f"{outside}/secret")


@pytest.mark.timeout(20)
async def test_s6_what_is_no_ordinary_file_is_refused(tools: Tools) -> None:
    os.mkfifo(tools.root / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tools.root / "socket"))
        for path in ("pipe", "socket"):
            for tool in ("read_file", "write_file", "edit_file"):
                said = await tools.refused(tool, path=path, **USES[tool])
                assert said == "path is no ordinary file."
            assert "no ordinary file" in await tools.refused(
                "move_file", source=path, destination="x"
            )
            assert (await tools.known("file_info", path=path))["type"] == "other"
        assert await tools.text("search_files", text="x") == "(Nothing was found.)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
async def test_s6_devices_are_refused(tools: Tools) -> None:
    try:
        os.mknod(tools.root / "zero", 0o600 | 0o020000, os.makedev(1, 5))
    except OSError:
        pytest.skip("no devices can be made here")
    assert await tools.refused("read_file", path="zero") == "path is no ordinary file."


async def test_s6_a_hard_link_is_written_beside_and_not_through(
    tools: Tools, outside: Path
) -> None:
    os.link(outside / "secret", tools.root / "twin")
    await tools.done("write_file", path="twin", content="mine")
    assert (outside / "secret").read_text() == "CANARY"
    (tools.root / "twin").unlink()
    os.link(outside / "secret", tools.root / "twin")
    edits = [{"old_text": "CANARY", "new_text": "mine"}]
    await tools.done("edit_file", path="twin", edits=edits)
    assert (outside / "secret").read_text() == "CANARY"
    assert (tools.root / "twin").read_text() == "mine"


async def test_s6_a_project_ends_at_its_own_folder(tools: Tools) -> None:
    (tools.root / "app/src").mkdir(parents=True)
    (tools.root / "app-evil").mkdir()
    (tools.root / "app-evil/secret").write_text("CANARY")
    app = replace(tools, project="app")
    await app.done("write_file", path="src/a", content="1")
    assert await app.text("read_file", path="/workspace/app/src/a") == "1"
    assert await app.text("search_files", text="1") == "src/a:1: 1"
    for path in (
        "/workspace",
        "/workspace/app-evil/secret",
        "../app-evil/secret",
        f"{tools.root}/app-evil/secret",
    ):
        for tool, more in USES.items():
            said = await app.refused(tool, path=path, **more)
            assert "outside the project" in said or "'..'" in said
    for path in (".", "/workspace/app", ""):
        said = await app.refused("move_file", source=path, destination="x")
        assert said == "source is the project's own folder."
    assert await app.text("list_directory", path="/workspace/app") == "[folder] src"


@pytest.mark.parametrize("project", ["..", "/etc", "a/../..", "../workspace-evil"])
async def test_s6_a_project_elsewhere_is_none(tools: Tools, outside: Path, project: str) -> None:
    elsewhere = replace(tools, project=project)
    assert await elsewhere.refused("list_directory")
    assert await elsewhere.refused("write_file", path="a", content="x")
    assert everything(outside) == [str(outside / "secret")]


def to_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "secret")


def to_pipe(path: Path, _outside: Path) -> None:
    os.mkfifo(path)


def to_folder(path: Path, _outside: Path) -> None:
    path.mkdir()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("become", [to_link, to_pipe, to_folder])
@pytest.mark.parametrize("tool", ["read_file", "search_files", "edit_file"])
async def test_s6_a_file_that_becomes_something_else_after_it_was_looked_at_is_not_read(
    tools: Tools,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    become: Callable[[Path, Path], None],
    tool: str,
) -> None:
    file = tools.root / "file"
    file.write_text("CANARY of mine")

    def look(folder: int, name: str) -> os.stat_result | None:
        seen = status(folder, name)
        if name == "file" and file.is_file() and not file.is_symlink():
            file.unlink()
            become(file, outside)
        return seen

    for module in ("places", "searching"):
        monkeypatch.setattr(f"claude_gateway_filesystem.{module}.status", look)
    before = len([*Path("/proc/self/fd").iterdir()])
    more = {"path": "."} if tool == "search_files" else {"path": "file"}
    result = await tools.run(tool, **{**USES[tool], **more})
    assert "CANARY" not in result.text
    assert result.is_error or result.text == "(Nothing was found.)"
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    assert (outside / "secret").read_text() == "CANARY"


async def test_s6_a_file_that_becomes_a_link_before_it_is_replaced_is_not_written_through(
    tools: Tools, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tools.root / "file"
    file.write_text("mine")
    real = os.fsync

    def fsync(number: int) -> None:
        file.unlink()
        file.symlink_to(outside / "secret")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    await tools.done("write_file", path="file", content="new")
    assert (file.is_symlink(), file.read_text()) == (False, "new")
    assert (outside / "secret").read_text() == "CANARY"


@contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    """Let two names change places all the time; at no moment is either of them missing."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            assert renameat2(-100, bytes(one), -100, bytes(other), 2) == 0, ctypes.get_errno()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("tool", ["read_file", "list_directory", "search_files", "edit_file"])
async def test_s6_a_folder_swapped_for_a_link_meanwhile_lets_nothing_in(
    tools: Tools, outside: Path, tool: str
) -> None:
    (tools.root / "a").mkdir()
    (tools.root / "a/secret").write_text("mine")
    (outside.parent / "aside").symlink_to(outside)
    path = "a" if tool in ("list_directory", "search_files") else "a/secret"
    edits = [{"old_text": "mine", "new_text": "mine"}]
    more: dict[str, object] = {"edits": edits} if tool == "edit_file" else {}
    if tool == "search_files":
        more = {"text": "I"}  # in CANARY there is none
        (outside / "other").write_text("I AM OUTSIDE")
    good = bad = 0
    with swapping(tools.root / "a", outside.parent / "aside"):
        async with asyncio.timeout(50):
            while min(good, bad) < 100:
                result = await tools.run(tool, path=path, **more)
                assert "CANARY" not in result.text
                assert "OUTSIDE" not in result.text
                assert "other" not in result.text
                good += not result.is_error
                bad += result.is_error
    assert (outside / "secret").read_text() == "CANARY"


async def test_s6_a_file_swapped_for_a_link_meanwhile_lets_nothing_in_or_out(
    tools: Tools, outside: Path
) -> None:
    (tools.root / "file").write_text("mine")
    aside = outside.parent / "aside"
    aside.symlink_to(outside / "secret")
    good = bad = 0
    with swapping(tools.root / "file", aside):
        async with asyncio.timeout(50):
            while min(good, bad) < 200:
                result = await tools.run("read_file", path="file")
                assert "CANARY" not in result.text
                good += not result.is_error
                bad += result.is_error
    assert (outside / "secret").read_text() == "CANARY"


async def test_s6_a_folder_swapped_for_a_link_while_files_are_written_lets_nothing_out(
    tools: Tools, outside: Path
) -> None:
    (tools.root / "a").mkdir()
    (outside.parent / "aside").symlink_to(outside)
    good = bad = 0
    with swapping(tools.root / "a", outside.parent / "aside"):
        async with asyncio.timeout(50):
            while min(good, bad) < 50:
                for tool, more in (
                    ("write_file", {"path": f"a/{good}", "content": "x"}),
                    ("create_directory", {"path": f"a/folder{good}"}),
                ):
                    result = await tools.run(tool, **more)
                    good += not result.is_error
                    bad += result.is_error
    assert everything(outside) == [str(outside / "secret")]


async def test_no_descriptor_is_left_open(tools: Tools, outside: Path) -> None:
    (tools.root / "link").symlink_to(outside)
    (tools.root / "a/b").mkdir(parents=True)
    (tools.root / "a/b/file").write_text("x\ny")

    async def use_all() -> None:
        for tool, more in USES.items():
            for path in ("a/b/file", "a", "link/secret", "a/b/missing", "missing/a"):
                await tools.run(tool, path=path, **more)
        await tools.run("move_file", source="a/b/file", destination="a/b/other")
        await tools.run("move_file", source="a/b/other", destination="a/b/file")

    await use_all()
    before = len([*Path("/proc/self/fd").iterdir()])
    await use_all()
    assert len([*Path("/proc/self/fd").iterdir()]) == before
