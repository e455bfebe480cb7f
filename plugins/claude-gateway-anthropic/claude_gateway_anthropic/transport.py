"""How bytes get to upstream and back. What is above knows nothing of the HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from claude_gateway_anthropic.settings import Account


class Reply(Protocol):
    """An upstream response whose head has arrived."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def read(self) -> bytes:
        """Return the whole body."""
        ...

    async def chunk(self) -> bytes:
        """Return whatever has arrived; empty at the end of the body."""
        ...

    def close(self) -> None:
        """Let go. Closes the connection unless the body was read to its end."""
        ...


class Transport(Protocol):
    """A pool of connections to upstream."""

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """Send a request and wait for the head of its response.

        Raises UpstreamError or UpstreamTimeout; so do the methods of the reply.
        """
        ...


def open_transport(account: Account) -> AbstractAsyncContextManager[Transport]:
    """Open the transport that the settings choose; only that one is loaded."""
    if account.transport == "sdk":
        from claude_gateway_anthropic.sdk import open_sdk

        return open_sdk(account)
    if account.transport == "aiohttp":
        from claude_gateway_anthropic.pooled import open_pooled

        return open_pooled(account)
    from claude_gateway_anthropic.lean import open_lean

    return open_lean(account)
