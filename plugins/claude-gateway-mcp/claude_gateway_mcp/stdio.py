"""MCP over the standard input and output of a program, one JSON message a line."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from claude_gateway_mcp.guarding import Guard
from claude_gateway_mcp.programs import Running, start
from claude_gateway_mcp.specs import Program, Spec
from claude_gateway_mcp.stderr import Murmur

log = logging.getLogger(__name__)

PIECE = 2**16  # bytes
LONGEST_LINE = 20 * 2**20  # bytes; the gateway takes results of 8 MB
MOST_NOISE = 10 * 2**20  # bytes that are no messages, before it is given up
WAITING = (
    100  # messages that wait to be written, so that nobody waits for a program that does not read
)
SOON = 0.5  # seconds
LONGEST_REASON = 500  # characters
ANSWERS = re.compile(rb'^\s*\{(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,')

Incoming = MemoryObjectSendStream[SessionMessage | Exception]
Outgoing = MemoryObjectReceiveStream[SessionMessage]
Streams = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]


class Pipe:
    """A transport as the SDK wants it: enter it, and a program runs until it is left."""

    def __init__(
        self, spec: Spec, program: Program, guard: Guard, on_end: Callable[[], None]
    ) -> None:
        """`on_end` is called when nothing more will come."""
        self._spec, self._program, self._guard, self._on_end = spec, program, guard, on_end
        self._murmur = Murmur(spec)
        self._running: Running | None = None
        self._noise = 0
        self._why = ""

    async def obituary(self) -> str:
        """Say why nothing more comes, as far as it can be told."""
        if self._why or self._running is None:
            return self._why
        how = await self._running.how_it_ended(SOON) or "closed its standard output"
        said = f", and said: {self._murmur.last}" if self._murmur.last else ""
        return f"The program {how}{said}"[:LONGEST_REASON].rstrip(".") + "."

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Streams]:
        """Start the program, and end it with all that it started."""
        self._running = running = start(self._program, self._guard)
        incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outgoing = anyio.create_memory_object_stream[SessionMessage](WAITING)
        pumps: list[asyncio.Task[None]] = []
        try:
            await running.connect()
            pumps += [
                asyncio.create_task(self._read(running, incoming)),
                asyncio.create_task(self._write(running, outgoing, incoming)),
                asyncio.create_task(self._murmur.read(running.stderr)),
                asyncio.create_task(self._watch(running, incoming)),
            ]
            yield read, write
        finally:
            # Whatever cancels us, a program must not be left behind: `end` kills it in any case.
            with anyio.CancelScope(shield=True):
                for stream in (read, write):
                    stream.close()
                await self._leave(running, pumps)
                for stream in (incoming, outgoing):
                    stream.close()

    async def _leave(self, running: Running, pumps: list[asyncio.Task[None]]) -> None:
        try:
            await running.end()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _watch(self, running: Running, incoming: Incoming) -> None:
        await running.gone()
        await asyncio.sleep(SOON)  # for what it wrote last
        self._end(incoming)

    async def _write(self, running: Running, outgoing: Outgoing, incoming: Incoming) -> None:
        with suppress(BrokenPipeError, ConnectionError):
            async for item in outgoing:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await running.write(text.encode() + b"\n")
            return
        self._end(incoming)

    async def _read(self, running: Running, incoming: Incoming) -> None:
        try:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._read_lines(running.stdout, incoming)
            while await running.stdout.read(PIECE):  # nobody listens; it must not be stuck for that
                pass
        finally:
            self._end(incoming)

    def _end(self, incoming: Incoming) -> None:
        incoming.close()
        self._on_end()

    async def _read_lines(self, stdout: asyncio.StreamReader, incoming: Incoming) -> None:
        line, skipping = bytearray(), False
        while piece := await stdout.read(PIECE):
            *ended, rest = piece.split(b"\n")
            for part in ended:
                line += part
                if not skipping:
                    await self._take(bytes(line), incoming)
                line, skipping = bytearray(), False
            line += rest
            if skipping:
                self._noise += len(line)
                line = bytearray()
            elif len(line) > LONGEST_LINE:
                await self._refuse(bytes(line[:200]), incoming)
                line, skipping = bytearray(), True
            if self._noise > MOST_NOISE:
                self._why = "The program writes to its standard output what is no message."
                self._end(incoming)
                return

    async def _take(self, line: bytes, incoming: Incoming) -> None:
        if not line.strip():
            return
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:  # its words would show what the line was
            self._count(len(line))
            return
        self._noise = 0
        await incoming.send(SessionMessage(message))

    def _count(self, size: int) -> None:
        if not self._noise:
            log.warning(
                "an MCP server writes to its standard output what is no message; it is left out",
                extra={"server": self._spec.id},
            )
        self._noise += size

    async def _refuse(self, beginning: bytes, incoming: Incoming) -> None:
        """Tell whoever waits for an answer that is too long, if it says whose it is."""
        if found := ANSWERS.match(beginning):
            said = f"The answer is longer than {LONGEST_LINE // 2**20} MB. Ask for less."
            error = types.ErrorData(code=types.INTERNAL_ERROR, message=said)
            told = types.JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=error)
            await incoming.send(SessionMessage(told))
