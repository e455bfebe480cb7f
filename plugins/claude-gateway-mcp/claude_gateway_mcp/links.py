"""One connection to a server, from the handshake to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import httpx2
import mcp_types as types
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from claude_gateway import __version__
from claude_gateway_mcp import network
from claude_gateway_mcp.guarding import Guard
from claude_gateway_mcp.network import Watch
from claude_gateway_mcp.reasons import Failed, Forgotten, failure, first_of
from claude_gateway_mcp.specs import Address, Program, Spec
from claude_gateway_mcp.stdio import Pipe
from claude_gateway_mcp.tokens import SignedIn
from claude_gateway_mcp.vault import Vault

if TYPE_CHECKING:
    from mcp.client._transport import Transport
    from mcp.shared.dispatcher import ProgressFnT

T = TypeVar("T")

US = types.Implementation(name="claude-gateway", title="Claude Gateway", version=__version__)
MOST_PAGES = 100
MOST_LISTED = 5000
GONE = "Connection closed"  # the SDK's words for a transport that is no more
EXPIRED = "Session terminated"  # … and for a session that the server has forgotten
REFUSED = ("Server returned an error response", "Not Found")  # … and for a status without a message
TOOLS, RESOURCES, PROMPTS = "tools", "resources", "prompts"
STALE = 30.0  # seconds
PATIENCE = 30.0  # seconds of a request that is no call

RESULT: TypeAdapter[types.CallToolResult | types.InputRequiredResult] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


@dataclass(eq=False)
class Link:
    """A connection that is open. Whoever finds that it is not any more says so in `over`.

    `stirred` is set for everything that its keeper should look at: it is over, or lists have changed.
    """

    spec: Spec
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    changed: bool = False
    why: Failed | None = None
    deaf: bool = False  # changes are not heard of, whatever the server says it tells
    read: dict[str, float] = field(default_factory=dict)  # when lists were read, by their kind
    client: Client = field(init=False)
    pipe: Pipe | None = None
    watch: Watch | None = None

    @property
    def modern(self) -> bool:
        """Whether it is of the era without a handshake."""
        return self.client.protocol_version in MODERN_PROTOCOL_VERSIONS

    @property
    def tells(self) -> Mapping[str, bool]:
        """Of which lists the server says when they change; what it has none of is not in it."""
        abilities = self.client.server_capabilities
        kinds = {TOOLS: abilities.tools, RESOURCES: abilities.resources, PROMPTS: abilities.prompts}
        return {kind: bool(able.list_changed) for kind, able in kinds.items() if able is not None}

    def end(self, why: Failed | None = None) -> None:
        """Say that it is over."""
        self.over, self.why = True, self.why or why
        self.stirred.set()

    def refused(self) -> None:
        """Say that it is over, because of the status of an answer."""
        if self.watch is not None:
            self.end(self._shown(self.watch.failure(Failed("The connection broke."))))

    def stir(self) -> None:
        """Say that its tools have changed."""
        self.changed = True
        self.stirred.set()

    def fresh(self, kind: str) -> bool:
        """Whether a list that is no tools' was read so lately that nothing can have changed."""
        read = self.read.get(kind)
        told = self.tells.get(kind, False) and not self.deaf
        return read is not None and (told or time.monotonic() - read < STALE)

    async def heard(self, message: IncomingMessage) -> None:
        """Take what the server says of its own accord."""
        match message:
            case types.ToolListChangedNotification():
                self.stir()
            case types.ResourceListChangedNotification():
                self.read.pop(RESOURCES, None)
            case types.PromptListChangedNotification():
                self.read.pop(PROMPTS, None)
            case _:
                pass

    async def tools(self) -> list[types.Tool]:
        """Ask for all tools, page by page."""
        if self.client.server_capabilities.tools is None:
            return []
        return await self.pages(self._tools_page)

    async def _tools_page(self, cursor: str | None) -> tuple[list[types.Tool], str | None]:
        page = await self.client.list_tools(cursor=cursor, cache_mode="refresh")
        return page.tools, page.next_cursor

    async def pages(
        self, ask: Callable[[str | None], Awaitable[tuple[list[T], str | None]]]
    ) -> list[T]:
        """Ask for page after page, and for no more than anybody can use."""
        found: list[T] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page, following = await ask(cursor)
            found += page
            if not following or following == cursor or len(found) >= MOST_LISTED:
                break
            cursor = following
        return found[:MOST_LISTED]

    async def call(
        self,
        name: str,
        arguments: Mapping[str, object],
        on_progress: ProgressFnT,
        carried: Mapping[str, str],
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Call a tool. Not the SDK's own call: that one holds results against schemas without bounds."""
        meta = cast("types.RequestParamsMeta", dict(carried)) if carried else None
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments), _meta=meta)
        request = types.CallToolRequest(params=params)
        for again in (True, False):
            try:
                return await self.client.session.send_request(
                    request, RESULT, progress_callback=on_progress
                )
            except MCPError as exc:
                if exc.code != types.HEADER_MISMATCH or not again:
                    raise
            await self.tools()  # what its headers must say is in the list
        raise AssertionError("a loop of two that returns or raises")

    async def ping(self) -> None:
        """Ask whether it is there. Raises what the SDK raises when it is not."""
        session = self.client.session
        try:
            async with asyncio.timeout(PATIENCE):
                if self.modern:
                    await session.send_discover(self.client.protocol_version)
                else:
                    await session.send_request(types.PingRequest(), types.EmptyResult)
        except MCPError as exc:
            if exc.code != types.METHOD_NOT_FOUND:  # who says so is there
                raise

    async def meaning(self, exc: BaseException) -> Failed:
        """Say what an error means, and note when it is the end of the connection."""
        exc = first_of(exc)
        said = failure(exc)
        words = exc.message if isinstance(exc, MCPError) else None
        broken = words in (GONE, EXPIRED) or isinstance(exc, httpx2.HTTPError | OSError)
        if words == EXPIRED:
            said = Forgotten("The server has forgotten the session.")
        elif not broken and words not in REFUSED:
            return self._shown(said)
        elif self.pipe is not None:
            said = Failed(await self.pipe.obituary() or said.reason)
        elif self.watch is not None and (
            words in REFUSED or isinstance(exc, httpx2.HTTPStatusError)
        ):
            said = self.watch.failure(said)
        elif words == GONE:
            said = self.why or Failed("The connection broke.")
        if broken or said.kind != "error":
            self.end(self._shown(said))
        return self._shown(said)

    def _shown(self, said: Failed) -> Failed:
        return type(said)(self.spec.hide(said.reason), said.kind)


@dataclass(frozen=True, slots=True)
class Means:
    """What connections are made with."""

    guard: Guard
    vault: Vault | None = None


@asynccontextmanager
async def connected(spec: Spec, means: Means, mode: str) -> AsyncGenerator[Link]:
    """Connect, and yield the connection. `mode` is the SDK's: `auto`, or `legacy` for the older era.

    Raises Failed.
    """
    link = Link(spec)
    try:
        async with AsyncExitStack() as stack:
            match spec.where:
                case Program():
                    link.pipe = Pipe(spec, spec.where, means.guard, link.end)
                    link.client = await _enter(stack, link, link.pipe.open(), mode)
                case Address():
                    await _over_http(stack, link, spec.where, means, mode)
                case None:
                    raise Failed(spec.mistake or "It is not configured.")
            yield link
    except Exception as exc:
        if isinstance(first_of(exc), TimeoutError):
            raise
        raise await link.meaning(exc) from None


async def _over_http(
    stack: AsyncExitStack, link: Link, address: Address, means: Means, mode: str
) -> None:
    auth: httpx2.Auth | None = None
    if means.vault is not None and "authorization" not in map(str.lower, address.headers):
        auth = SignedIn(means.vault.drawer(link.spec.name, address.url), address.url)
    link.watch = Watch(address, "" if auth is None else link.spec.name)
    if address.transport != "sse":
        try:
            opened = network.streamable(address, link.watch, auth)
            link.client = await _enter(stack, link, opened, mode)
        except Exception as exc:
            answered = isinstance(first_of(exc), MCPError)
            if address.transport == "http" or not (answered and link.watch.older):
                raise
        else:
            return
    link.watch.on_refusal = link.refused  # which the SDK only logs
    opened = network.sse(address, link.watch, auth)
    link.client = await _enter(stack, link, opened, "legacy")


async def _enter(stack: AsyncExitStack, link: Link, transport: object, mode: str) -> Client:
    return await stack.enter_async_context(
        Client(
            cast("Transport", transport),
            client_info=US,
            mode=mode,
            message_handler=link.heard,
            read_timeout_seconds=None,
            cache=None,
        )
    )
