"""The tool server: finds the tool, and runs it in a thread of its own pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from claude_gateway import (
    Caller,
    GatewayError,
    NotFound,
    Resource,
    ResourceTemplate,
    ServerState,
    Suggestions,
    Tool,
    ToolCall,
    ToolResult,
    Unfinished,
)
from claude_gateway_filesystem import definitions, resources
from claude_gateway_filesystem.editing import edit_file
from claude_gateway_filesystem.listing import file_info, list_directory
from claude_gateway_filesystem.moving import create_directory, move_file
from claude_gateway_filesystem.places import Project
from claude_gateway_filesystem.reading import read_text
from claude_gateway_filesystem.searching import search_files
from claude_gateway_filesystem.writing import write_file

Run: TypeAlias = Callable[[Project, Mapping[str, object]], ToolResult]

T = TypeVar("T")

READERS = 8

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

    def __init__(self, root: Path, largest: int, *, read_only: bool = False) -> None:
        self._root = root
        self._largest = largest
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="files-read")
        # One thread, so that of two edits of one file none is lost, not even when the first one
        # was given up by its caller while it was at work.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="files-write")
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
        threads = self._writer if name in self._changes else self._readers
        run = self._changes.get(name) or self._reads.get(name)
        if run is None:
            raise NotFound(f"There is no tool called {name[:100]!r}.")
        project = Project(self._root, call.project_path, self._largest)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, run, project, call.arguments)
        except GatewayError as exc:
            return ToolResult.failed(exc.message)
        finally:
            project.stopped.set()

    async def resources(self, caller: Caller) -> Sequence[Resource]:
        """Return the files at the top of the project."""
        return await self._read(partial(resources.listed, self._project(caller)))

    async def resource_templates(self, caller: Caller) -> Sequence[ResourceTemplate]:
        """Return the pattern of all files."""
        return [resources.template(self._project(caller))]

    async def read_resource(self, uri: str, caller: Caller) -> Sequence[Mapping[str, object]]:
        """Read a file."""
        return await self._read(partial(resources.contents, self._project(caller), uri))

    async def suggest(self, unfinished: Unfinished, caller: Caller) -> Suggestions:
        """Return the paths that begin like the one that is being typed."""
        return await self._read(partial(resources.suggested, self._project(caller), unfinished))

    async def _read(self, run: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _project(self, caller: Caller) -> Project:
        return Project(self._root, caller.project_path, self._largest)

    def close(self) -> None:
        """Let go of the threads. What is being written is written; nothing new is begun."""
        for threads in (self._readers, self._writer):
            threads.shutdown(cancel_futures=True)


@contextmanager
def open_filesystem(root: Path, largest: int, *, read_only: bool = False) -> Iterator[Filesystem]:
    """Serve the files below `root`; `largest` is in bytes."""
    server = Filesystem(root, largest, read_only=read_only)
    try:
        yield server
    finally:
        server.close()
