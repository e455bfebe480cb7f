"""Keeps one server connected for as long as it is wanted, and says how it is doing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from claude_gateway import ServerState, Tool
from claude_gateway_mcp.links import TOOLS, Link, Means, connected
from claude_gateway_mcp.listening import listen
from claude_gateway_mcp.pauses import Pauses
from claude_gateway_mcp.reasons import Failed
from claude_gateway_mcp.specs import Address, Program, Spec
from claude_gateway_mcp.translating import tools_of

log = logging.getLogger(__name__)

CLOSING = 6.0  # seconds
LISTING = 30.0  # seconds
LOOK = 30.0  # seconds between looks at a server on the network, whose end nobody tells
REST = 1.0  # seconds between lists of a server that says they change
ASLEEP = "It was stopped because nobody called it; the next call starts it."


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to start in, and seconds without a call after which it is stopped; 0 is never."""

    start: float = 30.0
    idle: float = 0.0


class Keeper:
    """Owns the connections of one server, one after the other, in one task: `run`."""

    def __init__(self, spec: Spec, means: Means, limits: Limits) -> None:
        self.spec = spec
        self.state = ServerState("starting")
        self.tools: tuple[Tool, ...] = ()
        self.words = ""  # how the server introduced itself
        self._means, self._limits = means, limits
        self._link: Link | None = None
        self._settled = asyncio.Event()  # it is connected, or known not to be
        self._wanted = asyncio.Event()
        self._bound: asyncio.Timeout | None = None
        self._leaving = asyncio.Event()
        self._seen = self._closing = False
        self._modes: tuple[str, ...] = self._all_modes()
        self._calls = 0
        self._pauses = Pauses()
        self._used = 0.0

    # --- for those who call

    @property
    def now(self) -> Link | None:
        """The connection, if there is one at this moment."""
        return None if self._link is None or self._link.over else self._link

    async def link(self) -> Link:
        """Return the connection, waiting for one that is being made. Raises Failed."""
        if self._link is not None and self._link.over:
            self._link = None
            self._settled.clear()
        if self._link is None and not self._settled.is_set() and not self._leaving.is_set():
            self._wanted.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.start):
                    await self._settled.wait()
        if self._link is None or self._link.over:
            raise Failed(self.state.reason or "It is not connected.")
        return self._link

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep it from being taken for idle."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._used = asyncio.get_running_loop().time()

    def stop(self) -> None:
        """Ask `run` to end, which it does within seconds."""
        self._leaving.set()
        self._wanted.set()
        self._settled.set()
        if self._bound is not None:
            now = asyncio.get_running_loop().time()
            starting = self._link is None and not self._closing
            self._bound.reschedule(now if starting else now + CLOSING)
        if self._link is not None:
            self._link.stirred.set()

    # --- its life

    async def run(self) -> None:
        """Connect, again and again, until it is stopped."""
        while not self._leaving.is_set():
            began = asyncio.get_running_loop().time()
            why = await self._life()
            if self._leaving.is_set():
                break
            if why is None:
                self.state = ServerState("available", ASLEEP)
                await self._called(None)
                continue
            lived = asyncio.get_running_loop().time() - began
            await self._called(self._pauses.after(lived, seen=self._seen))

    async def _called(self, patience: float | None) -> None:
        """Wait for the pause to be over, or while asleep for somebody who calls."""
        if patience is not None and not self._leaving.is_set():
            self._wanted.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not self._leaving.is_set():
                    await self._wanted.wait()
                    self._wanted.clear()
                    if patience is None:
                        return

    async def _life(self) -> Failed | None:
        """Connect and stay so; return why it is over, None when it was ended on purpose."""
        why: Failed | None = None
        for mode in self._modes:
            up = False
            try:
                async with (
                    self._bounded() as bound,
                    connected(self.spec, self._means, mode) as link,
                ):
                    await self._up(link)
                    up = True
                    bound.reschedule(None)
                    why = await self._serve(link)
                    bound.reschedule(asyncio.get_running_loop().time() + CLOSING)
            except (Failed, TimeoutError) as exc:
                why = self._after(exc, up=up, why=why)
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                why = Failed("The connection broke.")  # a scope of the SDK's that got out
            except Exception:
                log.exception("an MCP server's keeper failed", extra={"server": self.spec.id})
                why = Failed("The gateway failed to keep it; its log says why.")
            self._link, self._closing = None, False
            if up or self._leaving.is_set():
                self._down(why, up=up)
                return why
        self._modes = self._all_modes()
        self._down(why, up=False)
        return why

    def _after(self, exc: Failed | TimeoutError, *, up: bool, why: Failed | None) -> Failed | None:
        if up:  # what goes wrong while it is left is nobody's concern
            return why or (
                exc
                if isinstance(exc, Failed) and not self._leaving.is_set() and not self._closing
                else None
            )
        if isinstance(exc, Failed):
            return exc
        return Failed(f"It did not start within {self._limits.start:g} s.")

    @asynccontextmanager
    async def _bounded(self) -> AsyncGenerator[asyncio.Timeout]:
        try:
            async with asyncio.timeout(self._limits.start) as bound:
                self._bound = bound
                try:
                    yield bound
                finally:
                    self._bound = None
        finally:
            self._bound = None

    def _all_modes(self) -> tuple[str, ...]:
        # Some programs of the older era end when they are asked what they do not know.
        return ("auto", "legacy") if isinstance(self.spec.where, Program) else ("auto",)

    async def _up(self, link: Link) -> None:
        self._take(tools_of(await link.tools(), self.spec.rules))
        self._modes = ("auto",) if link.modern else ("legacy",)
        info = link.client.server_info
        self.words = (
            "" if info is None else " ".join(filter(None, (info.title or info.name, info.version)))
        )
        self._used = asyncio.get_running_loop().time()
        self._link, self._seen = link, True
        self.state = ServerState("available")
        self._settled.set()
        extra = {
            "server": self.spec.id,
            "tools": len(self.tools),
            "protocol": link.client.protocol_version,
        }
        log.info("an MCP server is available", extra=extra)

    def _down(self, why: Failed | None, *, up: bool) -> None:
        if self._leaving.is_set():
            return
        if why is None or (up and why.kind == "error"):
            self._settled.clear()  # asleep, or away for a moment
            self.state = ServerState(
                "starting", "" if why is None else f"{why.reason} It is started again."
            )
        elif why is not None:
            self.state = ServerState(why.kind, why.reason)
            self._settled.set()
        if why is not None:
            extra = {"server": self.spec.id, "why": why.reason, "tools_kept": len(self.tools)}
            log.warning("an MCP server is not available; its tools stay listed", extra=extra)

    # --- while it is connected

    async def _serve(self, link: Link) -> Failed | None:
        listening: asyncio.Task[None] | None = None
        if link.modern and any(link.tells.values()):
            listening = asyncio.create_task(listen(link))
        try:
            while not self._leaving.is_set():
                stirred = await self._stirred(link)
                if link.over:
                    said = await link.pipe.obituary() if link.pipe is not None else ""
                    return link.why or Failed(self.spec.hide(said) or "The connection ended.")
                if self._idle:
                    self._link, self._closing = None, True  # who calls now waits for the next
                    self._settled.clear()
                    return None
                if link.changed or not stirred:
                    await self._look(link)
            return None
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    @property
    def _idle(self) -> bool:
        quiet = asyncio.get_running_loop().time() - self._used
        return bool(self._limits.idle) and not self._calls and quiet >= self._limits.idle

    async def _stirred(self, link: Link) -> bool:
        """Wait until there is something to look at; false when only time has passed."""
        waits = [LOOK] if isinstance(self.spec.where, Address) else []
        if self._limits.idle:
            passed = asyncio.get_running_loop().time() - self._used
            waits.append(max(0.05, self._limits.idle - (0 if self._calls else passed)))
        try:
            async with asyncio.timeout(min(waits, default=None)):
                await link.stirred.wait()
        except TimeoutError:
            return False
        link.stirred.clear()
        return True

    async def _look(self, link: Link) -> None:
        told = link.changed
        try:
            if told:
                await asyncio.sleep(REST)
                link.changed = False
                async with asyncio.timeout(LISTING):
                    self._take(tools_of(await link.tools(), self.spec.rules))
            elif isinstance(self.spec.where, Address) and self._told(link):
                await link.ping()
            elif isinstance(self.spec.where, Address):
                self._take(tools_of(await link.tools(), self.spec.rules))
        except Exception as exc:  # noqa: BLE001  # the SDK's and what is below it; told by `meaning`
            said = await link.meaning(exc)
            if not told:
                link.end(said)
            extra = {"server": self.spec.id, "why": said.reason}
            log.warning("an MCP server did not list or answer; what it had stays", extra=extra)

    def _told(self, link: Link) -> bool:
        return link.tells.get(TOOLS, True) and not link.deaf

    def _take(self, tools: Sequence[Tool]) -> None:
        old, new = ({tool.name for tool in some} for some in (self.tools, tools))
        if self._seen and old != new:
            extra = {
                "server": self.spec.id,
                "new": sorted(new - old)[:20],
                "gone": sorted(old - new)[:20],
            }
            log.info("an MCP server has other tools now", extra=extra)
        self.tools = tuple(tools)
