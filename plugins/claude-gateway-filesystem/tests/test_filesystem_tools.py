"""What the tools do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from claude_gateway_filesystem.server import Filesystem, open_filesystem

from claude_gateway import NotFound, ToolCall, ToolResult


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    return root


@pytest.fixture
def server(root: Path) -> Iterator[Filesystem]:
    with open_filesystem(root, 1_000_000) as server:
        yield server


async def run(server: Filesystem, tool: str, **arguments: object) -> ToolResult:
    return await server.call(tool, ToolCall(arguments, "ada"))


async def test_a_file_is_written_and_read_again(server: Filesystem, root: Path) -> None:
    written = await run(server, "write_file", path="a/b.txt", content="Grüße\r\n🙂\n")
    assert (written.is_error, written.structured_content) == (
        False,
        {"path": "/workspace/a/b.txt", "size": 14, "created": True},
    )
    assert (root / "a/b.txt").read_bytes() == "Grüße\r\n🙂\n".encode()
    assert (await run(server, "read_file", path="/workspace/a/b.txt")).text == "Grüße\r\n🙂\n"


async def test_a_tool_that_is_not_there_is_not_found(server: Filesystem) -> None:
    with pytest.raises(NotFound):
        await run(server, "remove_everything")
