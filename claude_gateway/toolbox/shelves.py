"""The tools of one server, as they were last seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from claude_gateway.redaction import redacted
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox.entries import MOST_TOOLS, Entry, Quarantined, checked
from claude_gateway.types.tools import ServerState, Tool

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds; a server keeps its list ready
MOST_KNOWN = 10 * MOST_TOOLS  # names of tools that are remembered of one server

CHANGED = (
    "has changed since it was first seen, so that nobody has agreed to what it says now; look at it, "
    "and restart the gateway to take it as it is"
)

TOO_MANY = f"is new, and this server has listed {MOST_KNOWN} others before"


def state_of(server: ToolServer) -> ServerState:
    """Say how a server is doing, also when it cannot say so itself."""
    try:
        state = server.state()
        return ServerState(state.status, redacted(state.reason))
    except Exception as exc:  # noqa: BLE001  # a stranger's code; its words may hold anything
        return ServerState("error", f"It cannot say how it is doing ({type(exc).__name__}).")


class Shelf:
    """Keeps what a server listed while it cannot be asked, and a tool apart that changes its words.

    A tool is taken for what it was when it was first seen: one that says something else later may
    have been swapped under those who chose it.
    """

    def __init__(self, server_id: str, server: ToolServer, *, pinned: bool = True) -> None:
        """`pinned` keeps tools apart that change."""
        self._id = server_id
        self._server = server
        self._pinned = pinned
        self._seen: tuple[Tool, ...] = ()
        self._first: dict[str, str] = {}
        self.entries: tuple[Entry, ...] = ()
        self.quarantined: tuple[Quarantined, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What its tools are called on the wire."""
        return frozenset(entry.wire_name for entry in self.entries)

    async def look(self) -> None:
        """Ask the server. What it had before stays when it does not answer."""
        if state_of(self._server).status == "disabled":
            self._take((), [], [])
            return
        try:
            async with asyncio.timeout(PATIENCE):
                listed = tuple(await self._server.tools())
        except Exception as exc:  # noqa: BLE001  # a stranger's code; its words may hold anything
            why = type(exc).__name__
            log.warning("a tool server did not list", extra={"server": self._id, "error": why})
            return
        if listed != self._seen:  # in a thread: a thousand schemas take their time
            self._take(listed, *await asyncio.to_thread(checked, self._id, listed))

    def _take(
        self, listed: Sequence[Tool], entries: Sequence[Entry], apart: list[Quarantined]
    ) -> None:
        self._seen = tuple(listed)
        judged = [(entry, self._objection(entry)) for entry in entries]
        apart += [Quarantined(self._id, e.tool.name, why) for e, why in judged if why is not None]
        self.entries = tuple(entry for entry, why in judged if why is None)
        self.quarantined = tuple(apart)
        for one in apart:
            log.warning(
                "a tool is not offered",
                extra={"server": one.server, "tool": one.name, "why": one.reason},
            )

    def _objection(self, entry: Entry) -> str | None:
        """Say why a tool that is well described is kept apart all the same."""
        name, known = entry.wire_name, self._first
        if name not in known and len(known) >= MOST_KNOWN:
            return TOO_MANY
        first = known.setdefault(name, entry.digest)
        return CHANGED if self._pinned and first != entry.digest else None
