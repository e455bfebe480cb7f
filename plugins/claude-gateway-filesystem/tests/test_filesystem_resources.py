"""Files as resources: what is listed, what is read, what is suggested, and what is not reached."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import Caller, NotFound, Suggestions, Unfinished

if TYPE_CHECKING:
    from tests.conftest import Tools

ADA, GARDENER = Caller("ada"), Caller("ada", "garden", "gardens/a b")


async def read(tools: Tools, uri: str, caller: Caller = ADA) -> Any:
    (contents,) = await tools.server.read_resource(uri, caller)
    assert contents["uri"] == uri
    return contents


async def paths(tools: Tools, value: str, caller: Caller = ADA) -> list[str]:
    (template,) = await tools.server.resource_templates(caller)
    unfinished = Unfinished("path", value, uri_template=template.uri_template)
    return [*(await tools.server.suggest(unfinished, caller)).values]


async def test_files_at_the_top_are_listed_with_kind_and_size(tools: Tools) -> None:
    (tools.root / "a b.md").write_text("# Hi")
    (tools.root / "z").write_text("")
    (tools.root / ".hidden").write_text("x")
    (tools.root / "folder").mkdir()
    (tools.root / "folder/inner.txt").write_text("x")
    (tools.root / "link").symlink_to("z")
    os.mkfifo(tools.root / "pipe")
    (tools.root / os.fsdecode(b"\xff.txt")).write_text("x")
    found = await tools.server.resources(ADA)
    assert [(one.uri, one.name, one.mime_type, one.size) for one in found] == [
        ("file:///workspace/a%20b.md", "a b.md", "text/markdown", 4),
        ("file:///workspace/z", "z", "", 0),
    ]
    for one in found:
        await read(tools, one.uri)


async def test_a_project_has_its_own_files_and_pattern(tools: Tools) -> None:
    assert await tools.server.resources(GARDENER) == []  # nobody has made the folder yet
    folder = tools.root / "gardens/a b"
    folder.mkdir(parents=True)
    (folder / "rose.txt").write_text("red")
    (tools.root / "secret.txt").write_text("CANARY")
    (one,) = await tools.server.resources(GARDENER)
    assert one.uri == "file:///workspace/gardens/a%20b/rose.txt"
    assert (await read(tools, one.uri, GARDENER))["text"] == "red"
    (template,) = await tools.server.resource_templates(GARDENER)
    assert template.uri_template == "file:///workspace/gardens/a%20b/{+path}"
    with pytest.raises(NotFound, match="outside the project"):
        await read(tools, "file:///workspace/secret.txt", GARDENER)


async def test_text_is_read_as_text_and_all_else_in_base64(tools: Tools) -> None:
    for name, data in (("t.txt", b"Gr\xc3\xbc\xc3\x9fe"), ("b.png", b"\x89PNG"), ("n", b"a\0b")):
        (tools.root / name).write_bytes(data)
    text = await read(tools, "file:///workspace/t.txt")
    assert (text["text"], text["mimeType"]) == ("Grüße", "text/plain")
    for name, kind, data in (
        ("b.png", "image/png", b"\x89PNG"),
        ("n", "application/octet-stream", b"a\0b"),
    ):
        blob = await read(tools, f"file:///workspace/{name}")
        assert (base64.b64decode(blob["blob"]), blob["mimeType"]) == (data, kind)
    (tools.root / "deep/er").mkdir(parents=True)
    (tools.root / "deep/er/ü").write_text("x")
    for uri in ("file:///workspace/deep/er/%C3%BC", "file:///workspace/deep/er/ü"):
        assert (await read(tools, uri))["text"] == "x"


async def test_a_file_that_is_too_large_is_refused(tools: Tools) -> None:
    (tools.root / "big").write_bytes(b"x" * 100_001)
    with pytest.raises(NotFound, match="larger than the 100000 bytes"):
        await read(tools, "file:///workspace/big")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///workspace/../workspace-evil/secret",
        "file:///workspace/%2e%2e/workspace-evil/secret",
        "file:///workspace/..%2fworkspace-evil%2fsecret",
        "file:///workspace-evil/secret",
        "file:///workspace/link/secret",
        "file:///workspace/secret-link",
        "file:///etc/passwd",
        "file:////etc/passwd",
        "file:///proc/self/environ",
        "file://host/workspace/a",
        "file:///workspace/a%00b",
        "file:///workspace/%ff",
        "file:///workspace",
        "file:///workspace/",
        "file:///workspace/pipe",
        "file:///workspace/missing",
        "/workspace/a",
        "workspace/a",
        "http://localhost/a",
        "",
    ],
)
async def test_s6_nothing_outside_is_read(tools: Tools, outside: Path, uri: str) -> None:
    (tools.root / "link").symlink_to(outside)
    (tools.root / "secret-link").symlink_to(outside / "secret")
    os.mkfifo(tools.root / "pipe")
    with pytest.raises(NotFound) as refusal:
        await read(tools, uri)
    assert "CANARY" not in refusal.value.message


async def test_paths_are_suggested_folder_by_folder(tools: Tools, outside: Path) -> None:
    (tools.root / "src/deep").mkdir(parents=True)
    for name in ("src/main.py", "src/map.py", "src/.env", "setup.cfg"):
        (tools.root / name).write_text("")
    (tools.root / "src/out").symlink_to(outside)
    assert await paths(tools, "") == ["setup.cfg", "src/"]
    assert await paths(tools, "s") == ["setup.cfg", "src/"]
    assert await paths(tools, "src/") == ["src/deep/", "src/main.py", "src/map.py"]
    assert await paths(tools, "src/ma") == ["src/main.py", "src/map.py"]
    assert await paths(tools, "src/.") == ["src/.env"]
    for elsewhere in ("../", "/etc/", "src/out/", "nowhere/", "a\0/", "setup.cfg/"):
        assert await paths(tools, elsewhere) == []
    for unfinished in (
        Unfinished("path", "", uri_template="file:///{+path}"),
        Unfinished("name", "", uri_template="file:///workspace/{+path}"),
        Unfinished("path", "", prompt="x"),
    ):
        assert await tools.server.suggest(unfinished, ADA) == Suggestions()


async def test_only_so_many_are_suggested_and_listed(tools: Tools) -> None:
    for number in range(600):
        (tools.root / f"f{number:03}").write_text("")
    assert len(await tools.server.resources(ADA)) == 500
    unfinished = Unfinished("path", "f", uri_template="file:///workspace/{+path}")
    found = await tools.server.suggest(unfinished, ADA)
    assert (len(found.values), found.total, found.more) == (100, 600, True)
