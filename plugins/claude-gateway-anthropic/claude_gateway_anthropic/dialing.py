"""Connections of the lean client, made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import SplitResult

from aiohappyeyeballs import start_connection

# Seconds after which the next address is tried beside the one before (RFC 8305).
NEXT_ADDRESS = 0.25

P = TypeVar("P", bound=asyncio.Protocol)


class Dialer:
    """Connects to one origin, by whichever of its addresses answers first."""

    def __init__(self, url: SplitResult, timeout: float) -> None:
        """`timeout` is for everything: the name, the connection and the handshake, in seconds."""
        self._host = url.hostname or ""
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()

    async def dial(self, protocol: Callable[[], P]) -> P:
        """Return a connected protocol. Raises OSError or TimeoutError."""
        async with asyncio.timeout(self._timeout):
            addresses = await self._loop.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM
            )
            # By hand, because uvloop's create_connection tries one address after the other.
            sock = await start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1
            )
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                name = self._host if self._tls else None
                _, connected = await self._loop.create_connection(
                    protocol, sock=sock, ssl=self._tls, server_hostname=name
                )
            except BaseException:
                with suppress(OSError):
                    sock.close()
                raise
        return connected
