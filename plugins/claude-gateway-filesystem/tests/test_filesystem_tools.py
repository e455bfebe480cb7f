"""What the tools do."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any

import pytest
from claude_gateway_filesystem import SERVER_ID, plugin, reading, searching, settings
from claude_gateway_filesystem.places import status
from claude_gateway_filesystem.server import open_filesystem

from claude_gateway import WORKSPACE_DIR, NotFound, Settings, ToolCall

if TYPE_CHECKING:
    from tests.conftest import Tools

LARGEST = 100_000  # as in conftest


# --- reading


@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "a\nb", "a\r\nb\r\n", "\n", "\n\n", "Grüße 🙂\n", "\ufeffa"]
)
async def test_a_file_is_read_as_it_is(tools: Tools, text: str) -> None:
    (tools.root / "file").write_bytes(text.encode())
    assert await tools.text("read_file", path="file") == text


async def test_a_part_of_a_file_is_read(tools: Tools) -> None:
    (tools.root / "file").write_text("".join(f"line {i}\n" for i in range(1, 11)))
    said = await tools.text("read_file", path="file", offset=3, limit=2)
    assert said == "line 3\nline 4\n[Lines 3 to 4 of 10. Go on with offset 5.]"
    assert await tools.text("read_file", path="file", offset=10) == "line 10\n"
    assert await tools.text("read_file", path="file", offset=9, limit=99) == "line 9\nline 10\n"
    assert await tools.known("read_file", path="file", offset=9.0) == {
        "path": "/workspace/file",
        "first_line": 9,
        "last_line": 10,
        "lines": 10,
    }
    assert await tools.refused("read_file", path="file", offset=11) == "path has only 10 lines."


async def test_a_long_file_comes_in_parts_that_make_up_the_whole(tools: Tools) -> None:
    whole = "".join(f"{i:05} äöü\n" for i in range(7000))
    (tools.root / "file").write_text(whole)
    offset, parts, calls = 1, "", 0
    while offset <= 7000:
        result = await tools.done("read_file", path="file", offset=offset)
        calls += 1
        assert len(result.text.encode()) < reading.MOST_TEXT + 100
        last = result.structured_content["last_line"]  # type: ignore[index]
        parts += result.text.partition("[Lines")[0]
        offset = last + 1  # type: ignore[operator]
    assert (parts, calls) == (whole, 2)


async def test_a_line_that_is_too_long_is_cut(tools: Tools) -> None:
    (tools.root / "file").write_text("é" * 45_000 + "\nnext")
    said = await tools.text("read_file", path="file")
    assert said.startswith("é" * 40_000 + "\n[This line is cut: it has 45000 characters.]")
    assert said.endswith("[Lines 1 to 1 of 2. Go on with offset 2.]")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe", "path is not text in UTF-8."),
        (b"a\0b", "path is not text."),
        (b"x" * (LARGEST + 1), "path is larger than the 100000 bytes that are read."),
    ],
)
async def test_what_cannot_be_read_is_said(tools: Tools, data: bytes, why: str) -> None:
    (tools.root / "file").write_bytes(data)
    assert await tools.refused("read_file", path="file") == why
    edits = [{"old_text": "a", "new_text": "b"}]
    assert await tools.refused("edit_file", path="file", edits=edits) == why


async def test_a_folder_is_no_file_and_a_file_no_folder(tools: Tools) -> None:
    (tools.root / "folder").mkdir()
    (tools.root / "file").touch()
    assert await tools.refused("read_file", path="folder") == "path is a folder."
    assert await tools.refused("read_file", path=".") == "path is the project's own folder."
    assert await tools.refused("write_file", path="folder", content="") == "path is a folder."
    for path in ("file", "file/a"):
        assert "through a file" in await tools.refused("list_directory", path=path)
    assert "through a file" in await tools.refused("read_file", path="file/a")


# --- writing


async def test_a_file_is_made_with_the_folders_above_it(tools: Tools) -> None:
    assert await tools.known("write_file", path="a/b/c.txt", content="Grüße") == {
        "path": "/workspace/a/b/c.txt",
        "size": 7,
        "created": True,
    }
    assert (tools.root / "a/b/c.txt").read_text() == "Grüße"
    assert [path.name for path in (tools.root / "a/b").iterdir()] == ["c.txt"]


async def test_a_file_is_replaced_and_keeps_its_permissions(tools: Tools) -> None:
    script = tools.root / "script"
    script.write_text("old")
    script.chmod(0o750)
    known = await tools.known("write_file", path="script", content="new")
    assert known["created"] is False
    assert (script.read_text(), S_IMODE(script.stat().st_mode)) == ("new", 0o750)


@pytest.mark.parametrize("content", ["x" * (LARGEST + 1), "\ud800"])
async def test_what_cannot_be_written_is_said(tools: Tools, content: str) -> None:
    assert (await tools.refused("write_file", path="file", content=content)).startswith("content ")
    assert list(tools.root.iterdir()) == []


async def test_whoever_reads_sees_the_old_file_or_the_new_one(tools: Tools) -> None:
    texts = ["a" * 50_000, "b" * 90_000]
    file = tools.root / "file"
    file.write_text(texts[0])
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set() or len(seen) < 2:
            seen.add(file.read_text())

    reading_ = threading.Thread(target=read)
    reading_.start()
    try:
        for i in range(100):
            await tools.done("write_file", path="file", content=texts[i % 2])
    finally:
        done.set()
        reading_.join()
    assert seen == set(texts)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (errno.ENOSPC, "no room left"),
        (errno.EDQUOT, "no room left"),
        (errno.EROFS, "cannot be written to"),
        (errno.EIO, "The disk failed"),
        (errno.EACCES, "may not be used by the gateway"),
    ],
)
async def test_a_write_that_fails_leaves_what_was_there(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, code: int, why: str
) -> None:
    (tools.root / "file").write_text("old")

    def fsync(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    assert why in await tools.refused("write_file", path="file", content="new")
    assert (tools.root / "file").read_text() == "old"
    assert [path.name for path in tools.root.iterdir()] == ["file"]


# --- editing


def edits(*pairs: tuple[str, str], **more: object) -> list[dict[str, object]]:
    return [{"old_text": old, "new_text": new, **more} for old, new in pairs]


async def test_edits_are_made_one_after_the_other(tools: Tools) -> None:
    file = tools.root / "file"
    file.write_bytes(b"one\r\ntwo\r\nthree")
    changed = edits(("two", "zwei"), ("zwei\r\nthree", "2\r\n3"))
    result = await tools.done("edit_file", path="file", edits=changed)
    assert file.read_bytes() == b"one\r\n2\r\n3"
    assert result.structured_content == {
        "path": "/workspace/file",
        "replacements": 2,
        "dry_run": False,
    }
    for line in ("--- /workspace/file", "-two", "-three", "+2", "+3"):
        assert line in result.text.replace("\r", "").split("\n")


async def test_all_occurrences_are_replaced_when_that_is_asked(tools: Tools) -> None:
    file = tools.root / "file"
    file.write_text("a a a")
    why = await tools.refused("edit_file", path="file", edits=edits(("a", "b")))
    assert why.startswith("edits[0].old_text is in the file 3 times.")
    changed = edits(("a", "b"), replace_all=True)
    assert (await tools.known("edit_file", path="file", edits=changed))["replacements"] == 3
    assert file.read_text() == "b b b"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (edits(("one", "1"), ("gone", "x")), "edits[1].old_text is not in the file."),
        (edits(("", "x")), "edits[0].old_text is not in the file."),
        (edits(("one\ntwo", "x")), "The file's lines end with CRLF."),
        ([], "edits must be an array of objects"),
        (["x"], "edits must be an array of objects"),
        ("x", "edits must be an array of objects"),
        ([{"old_text": "one"}], "edits[0].new_text must be a string."),
        (edits(("one", "1"), replace_all="yes"), "edits[0].replace_all must be true or false."),
        (edits(*[("one", "one")] * 101), "edits has 101; 100 are the most."),
        (edits(("one", "x" * (LARGEST + 1))), "edits[0].new_text makes the file 100006 characters"),
        (edits(("one", "é" * 60_000)), "edits has 120005 bytes"),
        (
            edits(("one", "a" * 50_000), *[("a", "a" * 50_000)], replace_all=True),
            "edits[1].new_text",
        ),
    ],
)
async def test_edits_are_all_made_or_none(tools: Tools, given: object, why: str) -> None:
    file = tools.root / "file"
    file.write_bytes(b"one\r\ntwo")
    assert why in await tools.refused("edit_file", path="file", edits=given)
    assert file.read_bytes() == b"one\r\ntwo"


async def test_a_dry_run_only_shows_what_would_change(tools: Tools) -> None:
    (tools.root / "file").write_text("one\ntwo\n")
    changed = edits(("two", "2"))
    said = await tools.text("edit_file", path="file", edits=changed, dry_run=True)
    assert "not written" in said
    assert "-two\n+2\n" in said
    assert (tools.root / "file").read_text() == "one\ntwo\n"


async def test_what_changed_is_shown_with_its_place_in_the_file(tools: Tools) -> None:
    (tools.root / "file").write_text("".join(f"{i}\n" for i in range(1, 10_001)))
    said = await tools.text("edit_file", path="file", edits=edits(("5000\n", "five\nthousand\n")))
    shown = ["@@ -4997,7 +4997,8 @@", " 4997", " 4998", " 4999", "-5000", "+five", "+thousand"]
    assert said.split("\n")[3:] == [*shown, " 5001", " 5002", " 5003", ""]
    for old, new, head in (("1\n2\n", "2\n", "-1,4 +1,3"), ("10000\n", "", "-9998,4 +9998,3")):
        result = await tools.text("edit_file", path="file", edits=edits((old, new)), dry_run=True)
        assert f"@@ {head} @@" in result


@pytest.mark.timeout(20)
async def test_what_changed_is_shown_within_bounds(tools: Tools) -> None:
    (tools.root / "file").write_text("a\n" * 2000)
    changed = edits(("a", "b"), replace_all=True)
    said = await tools.text("edit_file", path="file", edits=changed)
    assert said.count("\n") < 600
    assert "The rest of what changed is not shown" in said
    (tools.root / "file").write_text("a\n" * 30_000)
    said = await tools.text("edit_file", path="file", edits=changed)
    assert "Too much lies between the changes" in said
    lines = [f"{i}\n" for i in range(2000)]
    (tools.root / "file").write_text("".join(lines))
    turned = edits(("".join(lines), "".join(lines[1::2] + lines[::2])))
    await tools.done("edit_file", path="file", edits=turned)


async def test_a_file_that_somebody_else_changes_meanwhile_is_not_overwritten(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tools.root / "file"
    file.write_text("old")
    real = os.fsync

    def fsync(number: int) -> None:
        file.write_text("theirs")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    why = await tools.refused("edit_file", path="file", edits=edits(("old", "new")))
    assert why == "path was changed meanwhile. Read it again."
    assert file.read_text() == "theirs"


# --- looking around


async def test_a_folder_is_listed_folders_first_and_by_name(tools: Tools) -> None:
    for name in ("b", "a", "Z"):
        (tools.root / f"{name}.txt").write_text("123")
        (tools.root / f"{name}.dir").mkdir()
    (tools.root / "line\nbreak").touch()
    os.close(os.open(os.fsencode(tools.root) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    said = (await tools.text("list_directory")).split("\n")
    assert said[:4] == [
        "[folder] Z.dir",
        "[folder] a.dir",
        "[folder] b.dir",
        "[file] Z.txt (3 bytes)",
    ]
    assert "[file] line\\nbreak (0 bytes)" in said
    assert "[file] \\xff (0 bytes)" in said
    known = await tools.known("list_directory", path="/workspace", limit=2)
    assert known == {
        "path": "/workspace",
        "entries": [{"name": "Z.dir", "type": "folder"}, {"name": "a.dir", "type": "folder"}],
        "truncated": True,
    }
    assert "[6 more are not shown.]" in await tools.text("list_directory", limit=2)
    assert await tools.text("list_directory", path="a.dir") == "(The folder is empty.)"


async def test_a_file_says_what_it_is(tools: Tools) -> None:
    (tools.root / "file").write_text("123")
    os.utime(tools.root / "file", (0, 1_700_000_000))
    (tools.root / "file").chmod(0o640)
    assert await tools.known("file_info", path="file") == {
        "name": "file",
        "type": "file",
        "size": 3,
        "path": "/workspace/file",
        "modified": "2023-11-14T22:13:20Z",
        "permissions": "-rw-r-----",
    }
    assert (await tools.known("file_info", path="."))["type"] == "folder"
    assert await tools.refused("file_info", path="none") == "path is not there."


@pytest.fixture
def forest(tools: Tools) -> Tools:
    for path, text in {
        "readme.md": "Hello World\n",
        "src/main.py": "import os\nprint('Hello')\n",
        "src/deep/er/test_main.py": "# hello\n",
        "node_modules/x/index.js": "Hello",
        ".git/config": "Hello",
        "binary.py": "Hello\0",
    }.items():
        (tools.root / path).parent.mkdir(parents=True, exist_ok=True)
        (tools.root / path).write_text(text)
    (tools.root / "latin.py").write_bytes(b"Hello \xff")
    (tools.root / "huge.py").write_text("Hello" * LARGEST)
    return tools


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"pattern": "*.md"}, ["readme.md"]),
        ({"pattern": "*main.py"}, ["src/deep/er/test_main.py", "src/main.py"]),
        ({"pattern": "src/*.py"}, ["src/deep/er/test_main.py", "src/main.py"]),
        ({"pattern": "./src/m*"}, ["src/main.py"]),
        ({"pattern": "MAIN.PY"}, []),
        ({"pattern": "e?", "path": "src/deep"}, ["er"]),
        ({"path": "src/deep"}, ["er", "er/test_main.py"]),
        ({"path": "node_modules", "pattern": "*.js"}, ["x/index.js"]),
        ({"text": "Hello"}, ["readme.md:1", "src/main.py:2"]),
        ({"text": "hello"}, ["src/deep/er/test_main.py:1"]),
        (
            {"text": "hello", "ignore_case": True},
            ["readme.md:1", "src/deep/er/test_main.py:1", "src/main.py:2"],
        ),
        ({"text": "Hello", "pattern": "*.py"}, ["src/main.py:2"]),
        ({"text": "(.*)"}, []),
    ],
)
async def test_files_and_lines_are_found(
    forest: Tools, given: dict[str, object], found: list[str]
) -> None:
    known = await forest.known("search_files", **given)
    lines = [f"{e['path']}:{e['line']}" if "line" in e else e["path"] for e in known["results"]]
    assert (lines, known["truncated"]) == (found, False)


async def test_a_search_ends_after_so_many_results(forest: Tools) -> None:
    said = await forest.text("search_files", limit=2)
    assert said.count("\n") == 2
    assert "The search ended after 2 results" in said
    assert (await forest.known("search_files", limit=2))["truncated"] is True
    assert (await forest.known("search_files", limit=1, pattern="*.md"))["truncated"] is False


async def test_a_search_ends_after_so_many_names_or_seconds(
    forest: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_LOOKED_AT", 3)
    assert "The search ended after 3 names" in await forest.text("search_files", pattern="x")
    monkeypatch.setattr(searching, "MOST_SECONDS", -1.0)
    assert "The search ended after -1 s" in await forest.text("search_files", pattern="x")


async def test_a_search_does_not_go_deeper_than_anybody_needs(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "DEEPEST", 3)
    (tools.root / "1/2/3/4/5").mkdir(parents=True)
    known = await tools.known("search_files")
    assert [entry["path"] for entry in known["results"]] == ["1", "1/2", "1/2/3", "1/2/3/4"]


@pytest.mark.timeout(20)
async def test_no_pattern_takes_for_ever(tools: Tools) -> None:
    (tools.root / ("a" * 200)).touch()
    assert await tools.text("search_files", pattern="*a" * 99 + "b") == "(Nothing was found.)"


@pytest.mark.parametrize("key", ["pattern", "text"])
@pytest.mark.parametrize("value", ["x" * 201, "a\nb"])
async def test_what_is_searched_for_is_one_short_line(tools: Tools, key: str, value: str) -> None:
    assert (await tools.refused("search_files", **{key: value})).startswith(
        f"{key} must be one line"
    )


async def test_what_goes_away_during_a_search_is_left_out(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tools.root / name).touch()

    def look(folder: int, name: str) -> os.stat_result | None:
        return None if name == "a" else status(folder, name)

    monkeypatch.setattr("claude_gateway_filesystem.searching.status", look)
    assert await tools.text("search_files") == "[file] b"


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1", None, 10**20])
async def test_numbers_are_held_against_their_bounds(tools: Tools, value: object) -> None:
    why = await tools.refused("list_directory", limit=value)
    assert why == "limit must be a whole number from 1 to 1000."


async def test_long_lines_are_cut_in_results(tools: Tools) -> None:
    (tools.root / "file").write_text("  x" + "y" * 5000)
    assert len(await tools.text("search_files", text="x")) < 400


async def test_t25_a_search_that_nobody_waits_for_ends(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(50):
        (root / str(i)).touch()
    looked, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def look(folder: int, name: str) -> os.stat_result | None:
        seen.append(name)
        looked.set()
        go_on.wait()
        return status(folder, name)

    monkeypatch.setattr("claude_gateway_filesystem.searching.status", look)
    with open_filesystem(root, LARGEST) as server:
        calling = asyncio.ensure_future(server.call("search_files", ToolCall({}, "ada")))
        await asyncio.to_thread(looked.wait)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        go_on.set()
        await asyncio.to_thread(server.close)
    assert len(seen) == 1


# --- moving


async def test_files_and_folders_are_moved(tools: Tools) -> None:
    await tools.done("write_file", path="a/file", content="1")
    await tools.done("move_file", source="a/file", destination="b/c/renamed")
    assert (tools.root / "b/c/renamed").read_text() == "1"
    assert not (tools.root / "a/file").exists()
    known = await tools.known("move_file", source="/workspace/b", destination="a/b")
    assert known == {"source": "/workspace/b", "destination": "/workspace/a/b"}
    assert (tools.root / "a/b/c/renamed").read_text() == "1"


async def test_nothing_that_is_there_is_replaced(tools: Tools) -> None:
    for path in ("file", "other", "folder/inner", "empty"):
        (tools.root / path).parent.mkdir(exist_ok=True)
        (tools.root / path).write_text(path) if path != "empty" else (tools.root / path).mkdir()
    for source, target in (
        ("file", "other"),
        ("file", "folder"),
        ("file", "file"),
        ("folder", "other"),
        ("folder", "empty"),
    ):
        why = await tools.refused("move_file", source=source, destination=target)
        assert why == "destination is there already."
    assert (tools.root / "other").read_text() == "other"
    assert await tools.refused("move_file", source="none", destination="x") == (
        "source is not there."
    )
    for target in ("folder/a", "folder/inner2/b"):
        why = await tools.refused("move_file", source="folder", destination=target)
        assert why == "destination is inside the folder that is moved."
    assert (tools.root / "folder/inner").read_text() == "folder/inner"


async def test_a_file_that_appears_meanwhile_is_not_replaced(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools.root / "file").write_text("mine")
    real = os.link

    def link(*given: Any, **more: Any) -> None:
        (tools.root / "target").write_text("theirs")
        real(*given, **more)

    monkeypatch.setattr(os, "link", link)
    why = await tools.refused("move_file", source="file", destination="target")
    assert why == "destination is there already."
    assert (tools.root / "target").read_text() == "theirs"
    assert (tools.root / "file").read_text() == "mine"


async def test_files_are_moved_on_disks_without_hard_links(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(os, "link", link)
    (tools.root / "file").write_text("1")
    await tools.done("move_file", source="file", destination="moved")
    assert (tools.root / "moved").read_text() == "1"


async def test_a_folder_is_made_once(tools: Tools) -> None:
    for _ in range(2):
        assert await tools.known("create_directory", path="a/b") == {"path": "/workspace/a/b"}
    assert (tools.root / "a/b").is_dir()
    (tools.root / "file").touch()
    assert "through a file" in await tools.refused("create_directory", path="file")


# --- the server


async def test_without_its_workspace_every_tool_says_so(tools: Tools) -> None:
    tools.root.rmdir()
    assert "The workspace cannot be used" in await tools.refused("list_directory")
    assert "The workspace cannot be used" in await tools.refused("write_file", path="a", content="")
    assert not tools.root.exists()


async def test_a_tool_that_is_not_there_is_not_found(tools: Tools) -> None:
    with pytest.raises(NotFound):
        await tools.run("remove_everything")


async def test_without_leave_to_write_only_what_reads_is_there(root: Path) -> None:
    with open_filesystem(root, LARGEST, read_only=True) as server:
        names = [tool.name for tool in await server.tools()]
        assert names == ["read_file", "list_directory", "search_files", "file_info"]
        with pytest.raises(NotFound):
            await server.call("write_file", ToolCall({"path": "a", "content": ""}, "ada"))
    assert list(root.iterdir()) == []


async def test_edits_of_one_file_take_turns(tools: Tools) -> None:
    (tools.root / "file").write_text("".join(f"<{i}>" for i in range(30)))
    calls = [
        tools.done("edit_file", path="file", edits=edits((f"<{i}>", f"({i})"))) for i in range(30)
    ]
    await asyncio.gather(*calls)
    assert (tools.root / "file").read_text() == "".join(f"({i})" for i in range(30))


async def test_the_plugin_offers_what_its_settings_say(root: Path) -> None:
    known = [*plugin.register_settings(), WORKSPACE_DIR]
    environment = {"WORKSPACE_DIR": str(root), "FILESYSTEM_READ_ONLY": "true"}
    (offer,) = plugin.register_tool_servers(Settings.read(environment, known))
    assert offer.name == SERVER_ID == "mcp_filesystem"
    async with offer.open() as server:
        assert len(await server.tools()) == 4
        assert server.state().status == "available"


def test_settings_are_read() -> None:
    assert (settings.flag("True"), settings.flag("false")) == (True, False)
    assert settings.size("1024") == 1024
    for parse, raw in ((settings.flag, "maybe"), (settings.size, "1"), (settings.size, "10MB")):
        with pytest.raises(ValueError, match="wants"):
            parse(raw)
    with pytest.raises(ValueError, match="wants a whole number"):
        settings.size("9" * 5000)
