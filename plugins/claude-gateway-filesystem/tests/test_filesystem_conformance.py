from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from claude_gateway_filesystem.server import open_filesystem

from claude_gateway import ToolServer
from claude_gateway.testing import ResourcesConformance, ToolServerConformance


class TestFilesystem(ToolServerConformance, ResourcesConformance):
    resource_samples = ("file:///workspace/read.txt",)
    samples = (
        ("write_file", {"path": "new/file.txt", "content": "one\n"}),
        ("read_file", {"path": "read.txt", "offset": 1}),
        ("edit_file", {"path": "read.txt", "edits": [{"old_text": "o", "new_text": "o"}]}),
        ("list_directory", {}),
        ("search_files", {"pattern": "*.txt", "text": "hello"}),
        ("file_info", {"path": "read.txt"}),
        ("create_directory", {"path": "a/b"}),
    )

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[ToolServer]:
        (tmp_path / "read.txt").write_text("hello")
        with open_filesystem(tmp_path, 1000) as server:
            yield server


class TestReadOnly(ToolServerConformance):
    samples = (("list_directory", {"path": "/workspace"}),)

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[ToolServer]:
        with open_filesystem(tmp_path, 1000, read_only=True) as server:
            yield server
