"""What tools said when they were first seen, or approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claude_gateway import NotFound, Pin
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.writer import Writer

DIGESTS = "SELECT tool, digest FROM pins WHERE server = ?"
GET = "SELECT server, tool, digest, said, pinned_at FROM pins WHERE server = ? AND tool = ?"
ADD = """
INSERT INTO pins(server, tool, digest, said, pinned_at) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
REPLACE = """
INSERT INTO pins(server, tool, digest, said, pinned_at) VALUES(?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET digest = excluded.digest, said = excluded.said,
    pinned_at = excluded.pinned_at
"""


class Pins:
    """The part of the store that remembers tools."""

    _writer: Writer
    _readers: Readers

    async def pinned_digests(self, server: str) -> Mapping[str, str]:
        return {row[0]: row[1] for row in await self._readers.rows(DIGESTS, (server,))}

    async def get_pin(self, server: str, tool: str) -> Pin:
        row = await self._readers.row(GET, (server, tool))
        if row is None:
            raise NotFound("This tool has no pin.")
        return Pin(*row)

    async def add_pins(self, pins: Sequence[Pin]) -> None:
        await self._writer.do(add, pins)

    async def replace_pin(self, pin: Pin) -> None:
        await self._writer.do(replace, pin)


def add(desk: Desk, pins: Sequence[Pin]) -> None:
    desk.cur.executemany(ADD, map(values, pins))


def replace(desk: Desk, pin: Pin) -> None:
    desk.cur.execute(REPLACE, values(pin))


def values(pin: Pin) -> tuple[str, str, str, bytes, float]:
    return pin.server, pin.tool, pin.digest, pin.said, pin.pinned_at
