"""The store: all parts around one writer and a few readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from claude_gateway import StoreFigures
from claude_gateway_sqlite import turns
from claude_gateway_sqlite.commands import DATABASE
from claude_gateway_sqlite.house import House
from claude_gateway_sqlite.instances import Instances
from claude_gateway_sqlite.keyring import prepare
from claude_gateway_sqlite.opening import Synchronous, for_writing, prepared, private
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.sealing import Sealer
from claude_gateway_sqlite.visiting import Visited
from claude_gateway_sqlite.writer import Writer

S = TypeVar("S", bound="SqliteStore")


class SqliteStore(Visited):
    """Everything in one file."""

    def __init__(self, file: Path, writer: Writer, readers: Readers, instances: Instances) -> None:
        self._file = file
        self._writer = writer
        self._readers = readers
        self._instances = instances

    @property
    def instance(self) -> str:
        return self._instances.own

    @property
    def writer(self) -> Writer:
        """What writes; it counts its transactions."""
        return self._writer

    def figures(self) -> StoreFigures:
        """Return what was written, and the size of the database with its log."""
        files = (self._file, Path(f"{self._file}-wal"))
        return self._writer.figures.now(sum(f.stat().st_size for f in files if f.exists()))


@asynccontextmanager
async def open_store(
    folder: Path, synchronous: Synchronous = "answers"
) -> AsyncGenerator[SqliteStore]:
    """Open the database in a folder. Raises PluginError when it cannot be used."""
    async with open_as(SqliteStore, folder, synchronous) as store:
        yield store


@asynccontextmanager
async def open_as(
    kind: type[S], folder: Path, synchronous: Synchronous, sealer: Sealer | None = None
) -> AsyncGenerator[S]:
    """Open the database in a folder, as a store of this kind.

    Raises PluginError when it cannot be used, also when it is encrypted and there is no `sealer`.
    """
    file = folder / DATABASE
    private(file)
    with Instances.joined(folder) as instances:
        async with prepared(file):
            await asyncio.to_thread(prepare, file, sealer)
            connection = await asyncio.to_thread(for_writing, file, synchronous)
        hurried = (turns.begin,) if synchronous == "answers" else ()
        writer = Writer(connection, House(searchable=sealer is None), hurried)
        try:
            async with Readers.opened(file) as readers:
                yield kind(file, writer, readers, instances)
        finally:
            await writer.close()
