"""Fetch what a client only points at: images and PDFs, from where the operator lets the gateway go.

A name is resolved once, each of its addresses is judged, and the connection goes to one of those;
the name is only said to the server. The same happens anew at each redirect.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from claude_gateway.access.places import host_name
from claude_gateway.access.reach import Reach
from claude_gateway.media_types import seen
from claude_gateway.version import __version__

MOST_REDIRECTS, AT_ONCE = 5, 10
# Bytes of all that is fetched for one request: as base64 they must fit into one of upstream's.
LARGEST = 20 * 2**20
# Seconds to reach one address, when there are others to try.
CONNECT = 3.0
OK, REDIRECTS = 200, (301, 302, 303, 307, 308)
HEADERS: Mapping[str, str] = {
    "Accept": "image/*, application/pdf",
    "Accept-Encoding": "identity",
    "User-Agent": f"claude-gateway/{__version__}",
}

# Name and port to addresses. Raises OSError.
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Unfetched:
    """Why not: words that fit behind the name of the field."""

    why: str


class _Refused(Exception):
    """Carries the words of an `Unfetched` up."""


async def resolved(host: str, port: int) -> Sequence[str]:
    """Ask the system, once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Fetcher:
    """Fetches the URLs of one request at a time; holds nothing between two of them."""

    def __init__(
        self,
        reach: Reach,
        patience: float,
        *,
        resolve: Resolve = resolved,
        largest: int = LARGEST,
    ) -> None:
        """`patience` is in seconds, for each URL with its redirects; `largest` in bytes, for all."""
        self._reach = reach
        self._patience = patience
        self._resolve = resolve
        self._largest = largest

    async def fetch(self, urls: Sequence[str]) -> list[str | Unfetched]:
        """Return for each URL a data URL, or why there is none."""
        budget = _Budget(self._largest)
        async with ClientSession(
            connector=TCPConnector(limit=AT_ONCE, force_close=True, use_dns_cache=False),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT),
            headers=HEADERS,
            auto_decompress=False,
        ) as session:
            return list(await asyncio.gather(*(self._one(session, url, budget) for url in urls)))

    async def _one(self, session: ClientSession, url: str, budget: _Budget) -> str | Unfetched:
        try:
            async with asyncio.timeout(self._patience):
                data = await self._followed(session, url, budget)
        except _Refused as exc:
            return Unfetched(str(exc))
        except TimeoutError:
            return Unfetched(f"took longer than {self._patience:g} s")
        except (ClientError, OSError, ValueError) as exc:
            return Unfetched(f"cannot be fetched ({type(exc).__name__})")
        kind = seen(data)
        if kind is None:
            return Unfetched("leads to something else than a JPEG, PNG, GIF, WebP or PDF")
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    async def _followed(self, session: ClientSession, raw: str, budget: _Budget) -> bytes:
        url = _read(raw)
        for _ in range(MOST_REDIRECTS + 1):
            async with await self._asked(session, url) as response:
                if response.status not in REDIRECTS:
                    return await _body(response, budget)
                url = _read(response.headers.get("Location", ""), url)
        raise _Refused(f"redirects more than {MOST_REDIRECTS} times")

    async def _asked(self, session: ClientSession, url: URL) -> ClientResponse:
        host = url.raw_host or ""
        failure = "leads to a host without an address"
        for address in await self._addresses(host, url.port or 0):
            try:
                return await session.get(
                    url.with_host(address),
                    headers={"Host": url.host_port_subcomponent or ""},
                    server_hostname=host,
                    allow_redirects=False,
                )
            except (ClientConnectorError, ConnectionTimeoutError) as exc:
                failure = f"cannot be reached from here ({type(exc).__name__})"
        raise _Refused(failure)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, ValueError):  # not found, or no name at all
            raise _Refused("leads to a host that nobody knows here") from None
        if not all(self._reach.allows(host, address) for address in found):
            raise _Refused(
                "leads to an address that this gateway does not fetch from, unless whoever runs it "
                "allows it with GATEWAY_FETCH_ALLOW"
            )
        return found


@dataclass(slots=True)
class _Budget:
    """How many bytes may still come, of all that is fetched for a request."""

    most: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.most

    def spend(self, size: int) -> None:
        self.check(size)
        self.left -= size

    def check(self, size: int) -> None:
        if size > self.left:
            raise _Refused(
                f"makes more than the {self.most / 2**20:g} MB that are fetched for one request"
            )


def _read(raw: str, base: URL | None = None) -> URL:
    """Read a URL, perhaps relative to another."""
    try:
        url = URL(raw) if base is None else base.join(URL(raw))
    except ValueError:
        raise _Refused("leads to something that is no URL") from None
    if url.scheme not in ("http", "https"):
        raise _Refused("leads away from http and https")
    if "@" in url.raw_authority:
        raise _Refused("must not have a user or password in it")
    if host_name(url.host_port_subcomponent or "") is None or not url.port:
        raise _Refused("leads to something that is no host")
    return url.with_fragment(None)


async def _body(response: ClientResponse, budget: _Budget) -> bytes:
    if response.status != OK:
        raise _Refused(f"answers with status {response.status}")
    budget.check(response.content_length or 0)
    pieces: list[bytes] = []
    async for piece in response.content.iter_any():
        budget.spend(len(piece))
        pieces.append(piece)
    return b"".join(pieces)
