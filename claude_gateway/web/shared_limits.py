"""Limits that hold for all workers together: each user's use is counted by one of them.

Which one follows from the user's id. The others ask it, over a private socket of its own, and tell it when a
turn is over. When it dies, what was counted there is forgotten, and until another takes its place each worker
counts by itself. When one of those that ask dies, its turns are over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from claude_gateway.access.limiter import Admission, LocalLimiter
from claude_gateway.types.principals import Principal
from claude_gateway.web.limit_links import Answering, Link

log = logging.getLogger(__name__)


class Homes(Protocol):
    """Who is at home where."""

    index: int

    @property
    def folder(self) -> Path:
        """Where the sockets are; nobody else may enter it."""
        ...

    @property
    def others(self) -> list[int]:
        """The numbers of the others."""
        ...

    def home(self, name: str) -> int:
        """Return the number of the worker that has what is called so."""
        ...


class SharedLimiter:
    """Asks the worker at home with a caller; `local` counts those that are at home here."""

    def __init__(self, local: LocalLimiter, homes: Homes) -> None:
        self._local = local
        self._homes = homes
        self._links = {n: Link(_address(homes.folder, n)) for n in homes.others}

    def concerns(self, who: Principal) -> bool:
        return self._local.concerns(who)

    async def admit(self, who: Principal, turn: int | None = None) -> Admission:
        home = self._homes.home(who.id)
        if home == self._homes.index:
            return await self._local.admit(who, turn)
        admission = await self._links[home].admit(who, turn)
        if admission is None:
            log.warning("limits are counted here for now", extra={"missing_worker": home})
            return await self._local.admit(who, turn)
        return admission

    @asynccontextmanager
    async def shared(self) -> AsyncGenerator[None]:
        """Answer the others, until left."""
        address = str(_address(self._homes.folder, self._homes.index))
        answering = Answering(self._local)
        server = await asyncio.start_unix_server(answering, address)
        try:
            yield
        finally:
            server.close()
            await answering.close()
            for link in self._links.values():
                link.close()


def _address(folder: Path, index: int) -> Path:
    return folder / f"{index}-limits"
