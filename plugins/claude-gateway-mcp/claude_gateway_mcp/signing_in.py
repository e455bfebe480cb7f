"""Signs somebody in at a server, once, in their browser: `claude-gateway mcp login`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from claude_gateway_mcp import network
from claude_gateway_mcp.links import US
from claude_gateway_mcp.network import Watch
from claude_gateway_mcp.reasons import Failed, failure, first_of
from claude_gateway_mcp.specs import Address
from claude_gateway_mcp.tokens import Grant, expiry
from claude_gateway_mcp.vault import Drawer

PATH = "/callback"
PATIENCE = 600.0  # seconds for a person
LONGEST = 2**14  # bytes of a request of the browser's
PAGE = b"<!doctype html><title>Claude Gateway</title><p>Signed in. You can close this window.\n"


async def sign_in(
    address: Address, drawer: Drawer, show: Callable[[str], None], port: int = 0
) -> bool:
    """Sign somebody in, and keep what the server gives; false when it wanted nobody to.

    `show` is given the address to open in a browser. Raises Failed.
    """
    network.quieten()
    watch, kept = Watch(address), _Kept()
    try:
        async with _listening(port) as (redirect, came):
            provider = _provider(address.url, redirect, kept, show, came)
            async with asyncio.timeout(PATIENCE), _open(address, watch, provider):
                pass
    except TimeoutError:
        raise Failed(f"Nobody signed in within {PATIENCE:g} s.") from None
    except Exception as exc:  # noqa: BLE001  # the SDK's and what is below it
        first = first_of(exc)
        if isinstance(first, OAuthFlowError):
            raise Failed(f"It did not work: {first}") from None
        raise watch.failure(failure(first)) from None
    if kept.token is None or kept.client is None:
        return False
    drawer.write(_grant(provider, kept.token, kept.client).kept())
    return True


@asynccontextmanager
async def _open(
    address: Address, watch: Watch, provider: OAuthClientProvider
) -> AsyncGenerator[Client]:
    way = network.sse if address.transport == "sse" else network.streamable
    mode = "legacy" if address.transport == "sse" else "auto"
    async with Client(way(address, watch, provider), client_info=US, mode=mode) as client:  # type: ignore[arg-type]
        yield client


def _provider(
    url: str,
    redirect: str,
    kept: _Kept,
    show: Callable[[str], None],
    came: asyncio.Future[AuthorizationCodeResult],
) -> OAuthClientProvider:
    async def shown(where: str) -> None:
        show(where)

    async def answered() -> AuthorizationCodeResult:
        return await came

    metadata = OAuthClientMetadata(
        client_name="Claude Gateway",
        redirect_uris=[AnyUrl(redirect)],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )
    return OAuthClientProvider(url, metadata, kept, shown, answered)


def _grant(
    provider: OAuthClientProvider, token: OAuthToken, client: OAuthClientInformationFull
) -> Grant:
    context = provider.context
    metadata = context.oauth_metadata
    base = context.get_authorization_base_url(context.server_url)
    return Grant(
        token,
        client,
        str(metadata.token_endpoint) if metadata is not None else f"{base}/token",
        context.get_resource_url()
        if context.should_include_resource_param(context.protocol_version)
        else "",
        expiry(token),
    )


class _Kept:
    """Where the SDK leaves what it is given. It begins empty: whoever signs in, registers anew."""

    def __init__(self) -> None:
        self.token: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.token

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.token = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@asynccontextmanager
async def _listening(
    port: int,
) -> AsyncGenerator[tuple[str, asyncio.Future[AuthorizationCodeResult]]]:
    """Wait for the browser to come back, on this machine only; yield where to, and what it brings."""
    came: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            status, body = _told(head, came)
            lines = (
                f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n"
            )
            writer.write(f"{lines}connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # no browser, or one that has left; the next may be the right one
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port, limit=LONGEST)
    except OSError as exc:
        raise Failed(f"Nothing can listen on port {port}: {exc.strerror}.") from None
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}", came
    if came.done() and not came.cancelled():
        came.exception()


def _told(head: bytes, came: asyncio.Future[AuthorizationCodeResult]) -> tuple[str, bytes]:
    target = head.split(b" ", 2)[1].decode("ascii", "replace") if head.startswith(b"GET ") else ""
    parts = urlsplit(target)
    if parts.path != PATH:
        return "404 Not Found", b""
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if not came.done() and "error" in said:
        why = said.get("error_description") or said["error"]
        came.set_exception(OAuthFlowError(f"the server refused: {why[:200]}"))
    elif not came.done() and "code" in said:
        came.set_result(
            AuthorizationCodeResult(code=said["code"], state=said.get("state"), iss=said.get("iss"))
        )
    return "200 OK", PAGE if "code" in said else b"<!doctype html><p>It did not work.\n"
