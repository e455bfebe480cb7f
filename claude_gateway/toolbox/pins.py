"""What tools said when they were first seen, or last approved: one that says else is kept apart."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from claude_gateway.errors import GatewayError, NotFound
from claude_gateway.stores import KeepsPins
from claude_gateway.toolbox.entries import MOST_TOOLS, Entry
from claude_gateway.types.trust import Pin

log = logging.getLogger(__name__)

LOOK_AGAIN = 1.0  # seconds; whoever approves a tool elsewhere is heard after that
MOST_KNOWN = 10 * MOST_TOOLS  # pins of one server that are made without being asked for

CHANGED = (
    "has changed since it was first seen, or last approved, so that nobody has agreed to what it says "
    "now; `claude-gateway mcp approve` shows the difference"
)
TOO_MANY = f"is new, and this server has listed {MOST_KNOWN} others before"


class MemoryPins:
    """Keeps pins where there is no store: until the gateway ends."""

    def __init__(self) -> None:
        self._pins: dict[str, dict[str, Pin]] = {}

    async def pinned_digests(self, server: str) -> Mapping[str, str]:
        """As KeepsPins."""
        return {tool: pin.digest for tool, pin in self._pins.get(server, {}).items()}

    async def get_pin(self, server: str, tool: str) -> Pin:
        """As KeepsPins."""
        if (pin := self._pins.get(server, {}).get(tool)) is None:
            raise NotFound("This tool has no pin.")
        return pin

    async def add_pins(self, pins: Sequence[Pin]) -> None:
        """As KeepsPins."""
        for pin in pins:
            self._pins.setdefault(pin.server, {}).setdefault(pin.tool, pin)

    async def replace_pin(self, pin: Pin) -> None:
        """As KeepsPins."""
        self._pins.setdefault(pin.server, {})[pin.tool] = pin


class Pins:
    """The pins of one server, as they were last read. New tools are pinned as they are."""

    def __init__(self, server_id: str, keeper: KeepsPins) -> None:
        self._id = server_id
        self._keeper = keeper
        self._digests: Mapping[str, str] = {}
        self._unkept: dict[str, str] = {}  # digests that could not be kept so far
        self._read = -LOOK_AGAIN

    @property
    def due(self) -> bool:
        """Whether they may have changed meanwhile, or some are still to be kept."""
        return time.monotonic() - self._read >= LOOK_AGAIN

    @property
    def unkept(self) -> bool:
        """Whether some could not be kept yet."""
        return bool(self._unkept)

    async def look(self, entries: Sequence[Entry]) -> None:
        """Read them again, and pin what is new. Raises a GatewayError when they cannot be read."""
        self._read = time.monotonic()
        kept = await self._keeper.pinned_digests(self._id)
        self._unkept = {name: said for name, said in self._unkept.items() if name not in kept}
        known = {**self._unkept, **kept}
        fresh = [entry for entry in entries if entry.tool.name not in known]
        new = fresh[: max(MOST_KNOWN - len(known), 0)]
        again = [entry for entry in entries if self._unkept.get(entry.tool.name) == entry.digest]
        if (new or again) and await self._add([*new, *again]):
            kept = await self._keeper.pinned_digests(self._id)
        self._digests = {**self._unkept, **kept}

    def objection(self, entry: Entry) -> str | None:
        """Say why a tool that is well described is kept apart all the same."""
        pinned = self._digests.get(entry.tool.name)
        if pinned is None:
            return TOO_MANY
        return None if pinned == entry.digest else CHANGED

    async def before(self, entry: Entry) -> Pin | None:
        """Return what the tool said when that was agreed to."""
        try:
            return await self._keeper.get_pin(self._id, entry.tool.name)
        except NotFound:
            return None

    async def approve(self, entry: Entry) -> None:
        """Take a tool for what it says now. Raises what the store raises."""
        await self._keeper.replace_pin(pin_of(entry))
        self._read = -LOOK_AGAIN

    async def _add(self, new: Sequence[Entry]) -> bool:
        """Pin tools; where they cannot be kept they are remembered, and kept another time."""
        first = {entry.tool.name: entry.digest for entry in new}
        try:
            await self._keeper.add_pins([pin_of(entry) for entry in new])
        except GatewayError as exc:
            why = {"server": self._id, "tools": len(new), "error": exc.code}
            log.warning("new tools could not be pinned so far", extra=why)
            self._unkept |= first
            return False
        self._unkept = {name: said for name, said in self._unkept.items() if name not in first}
        return True


def pin_of(entry: Entry) -> Pin:
    """Return the pin of a tool as it is now."""
    return Pin(entry.server, entry.tool.name, entry.digest, entry.said(), time.time())
