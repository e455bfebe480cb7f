"""The tools of one server, as they were last seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox.entries import Entry, Quarantined, checked
from claude_gateway.toolbox.pins import Pins
from claude_gateway.types.tools import ServerState, Tool

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds; a server keeps its list ready


def state_of(server: ToolServer) -> ServerState:
    """Say how a server is doing, also when it cannot say so itself."""
    try:
        state = server.state()
        return ServerState(state.status, redacted(state.reason))
    except Exception as exc:  # noqa: BLE001  # a stranger's code; its words may hold anything
        return ServerState("error", f"It cannot say how it is doing ({type(exc).__name__}).")


class Shelf:
    """Keeps what a server listed while it cannot be asked, and a tool apart that changes its words.

    A tool is taken for what it was when it was first seen, or approved: one that says something else
    later may have been swapped under those who chose it. `held` are those that are kept apart for
    this alone.
    """

    def __init__(self, server_id: str, server: ToolServer, pins: Pins | None) -> None:
        """Without `pins` tools may change."""
        self._id = server_id
        self._server = server
        self._pins = pins
        self._taking = asyncio.Lock()
        self._seen: tuple[Tool, ...] = ()
        self._good: Sequence[Entry] = ()
        self._bad: Sequence[Quarantined] = ()
        self.entries: tuple[Entry, ...] = ()
        self.held: tuple[Entry, ...] = ()
        self.quarantined: tuple[Quarantined, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What its tools are called on the wire."""
        return frozenset(entry.wire_name for entry in self.entries)

    async def look(self) -> None:
        """Ask the server. What it had before stays when it does not answer."""
        if state_of(self._server).status == "disabled":
            self._seen = self._good = self._bad = ()
            self._judge()
            return
        try:
            async with asyncio.timeout(PATIENCE):
                listed = tuple(await self._server.tools())
        except Exception as exc:  # noqa: BLE001  # a stranger's code; its words may hold anything
            why = type(exc).__name__
            log.warning("a tool server did not list", extra={"server": self._id, "error": why})
            return
        if listed != self._seen or self._due():
            await self._take(listed)

    def _due(self) -> bool:
        """Whether somebody may have approved meanwhile what is held; for all else nobody looks."""
        pins = self._pins
        return pins is not None and bool(self.held or pins.unkept) and pins.due

    async def _take(self, listed: tuple[Tool, ...]) -> None:
        async with self._taking:
            same = listed == self._seen
            if same and not self._due():  # somebody else has looked meanwhile
                return
            # In a thread: a thousand schemas take their time.
            good, bad = (
                (self._good, self._bad)
                if same
                else await asyncio.to_thread(checked, self._id, listed)
            )
            try:
                if self._pins is not None:
                    await self._pins.look(good)
            except GatewayError as exc:
                why = {"server": self._id, "error": exc.code}
                log.warning("what was agreed to of tools could not be read", extra=why)
                return
            self._seen, self._good, self._bad = listed, good, bad
            self._judge()

    def _judge(self) -> None:
        pins, good = self._pins, self._good
        judged = [(entry, pins.objection(entry) if pins else None) for entry in good]
        held = [(entry, why) for entry, why in judged if why is not None]
        apart = [Quarantined(self._id, entry.tool.name, why) for entry, why in held]
        before = self.quarantined
        self.entries = tuple(entry for entry, why in judged if why is None)
        self.held = tuple(entry for entry, _ in held)
        self.quarantined = (*self._bad, *apart)
        for one in self.quarantined if self.quarantined != before else ():
            log.warning(
                "a tool is not offered",
                extra={"server": one.server, "tool": one.name, "why": one.reason},
            )
