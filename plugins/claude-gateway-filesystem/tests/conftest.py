"""A workspace with the tools on it, and something outside that must not be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from claude_gateway_filesystem.server import Filesystem, open_filesystem

from claude_gateway import ToolCall, ToolResult

LARGEST = 100_000


@dataclass(frozen=True)
class Tools:
    """The server, and the workspace it works in."""

    server: Filesystem
    root: Path
    project: str = ""

    async def run(self, tool: str, /, **arguments: object) -> ToolResult:
        """Call a tool."""
        return await self.server.call(tool, ToolCall(arguments, "ada", project_path=self.project))

    async def done(self, tool: str, /, **arguments: object) -> ToolResult:
        """Call a tool that must succeed."""
        result = await self.run(tool, **arguments)
        assert not result.is_error, result.text
        return result

    async def text(self, tool: str, /, **arguments: object) -> str:
        """Return what a tool that must succeed says."""
        return (await self.done(tool, **arguments)).text

    async def known(self, tool: str, /, **arguments: object) -> Any:
        """Return what a tool that must succeed says to programs."""
        return (await self.done(tool, **arguments)).structured_content

    async def refused(self, tool: str, /, **arguments: object) -> str:
        """Return why a tool does not do this."""
        result = await self.run(tool, **arguments)
        assert result.is_error, result.text
        assert result.text
        return result.text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    return root


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the workspace, with a secret in it."""
    folder = tmp_path / "workspace-evil"
    folder.mkdir()
    (folder / "secret").write_text("CANARY")
    return folder


@pytest.fixture
def tools(root: Path) -> Iterator[Tools]:
    with open_filesystem(root, LARGEST) as server:
        yield Tools(server, root)
