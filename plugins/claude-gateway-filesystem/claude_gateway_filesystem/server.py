"""The tool server: finds the tool, and runs it in a thread of its own pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from claude_gateway import GatewayError, NotFound, ServerState, Tool, ToolCall, ToolResult
from claude_gateway_filesystem import definitions
from claude_gateway_filesystem.editing import edit_file
from claude_gateway_filesystem.listing import file_info, list_directory
from claude_gateway_filesystem.moving import create_directory, move_file
from claude_gateway_filesystem.places import Project
from claude_gateway_filesystem.reading import read_text
from claude_gateway_filesystem.searching import search_files
from claude_gateway_filesystem.writing import write_file

Run: TypeAlias = Callable[[Project, Mapping[str, object]], ToolResult]

THREADS = 8

READING: Sequence[tuple[Tool, Run]] = (
    (definitions.READ_FILE, read_text),
    (definitions.LIST_DIRECTORY, list_directory),
    (definitions.SEARCH_FILES, search_files),
    (definitions.FILE_INFO, file_info),
)
CHANGING: Sequence[tuple[Tool, Run]] = (
    (definitions.WRITE_FILE, write_file),
    (definitions.EDIT_FILE, edit_file),
    (definitions.CREATE_DIRECTORY, create_directory),
    (definitions.MOVE_FILE, move_file),
)


class Filesystem:
    """Tools on the files below `root`. Those that change something take turns."""

    title = "Filesystem"
    description = "Reads, writes and searches the files of a project, inside the workspace only."
    transport = "builtin"

    def __init__(
        self, root: Path, largest: int, threads: ThreadPoolExecutor, *, read_only: bool = False
    ) -> None:
        self._root = root
        self._largest = largest
        self._threads = threads
        self._changing = asyncio.Lock()
        self._reads = {tool.name: run for tool, run in READING}
        self._changes = {} if read_only else {tool.name: run for tool, run in CHANGING}
        offered = READING if read_only else (*READING, *CHANGING)
        self._tools = tuple(tool for tool, _ in offered)

    def state(self) -> ServerState:
        """It needs nothing that could be missing: a disk that fails is said by each call."""
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        """Return the same tools always."""
        return self._tools

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        """Run a tool in the folder of the call's project."""
        project = Project(self._root, call.project_path, self._largest)
        try:
            if (run := self._reads.get(name)) is not None:
                return await self._run(run, project, call)
            if (run := self._changes.get(name)) is not None:
                async with self._changing:  # two edits of one file must not lose each other
                    return await self._run(run, project, call)
        except GatewayError as exc:
            return ToolResult.failed(exc.message)
        raise NotFound(f"There is no tool called {name[:100]!r}.")

    async def _run(self, run: Run, project: Project, call: ToolCall) -> ToolResult:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, run, project, call.arguments)
        finally:
            project.stopped.set()


@contextmanager
def open_filesystem(root: Path, largest: int, *, read_only: bool = False) -> Iterator[Filesystem]:
    """Serve the files below `root`; `largest` is in bytes."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="filesystem")
    try:
        yield Filesystem(root, largest, threads, read_only=read_only)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
