"""Anthropic's SDK as a pipe: our bytes and headers up, upstream's bytes down.

The SDK would send a version, a credential and retries of its own. All three are ours: the version
is a setting, `HeaderWriter` alone says who pays (a key goes as `x-api-key`; the SDK would send it
as a bearer, and upstream refuses both at once), and the engine retries. What remains the SDK's are
its middlewares, its proxies from the environment, its tracing and its platform headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import anthropic
import httpx2

from claude_gateway_anthropic.failures import lost, unreachable
from claude_gateway_anthropic.headers import refuse_unsafe
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Reply, Transport

# Seconds for which a quiet connection is kept, as in the other transports.
KEEP = 60.0


class SdkReply:
    """A reply of the SDK's client."""

    __slots__ = ("_closing", "_pieces", "_response", "headers", "status")

    def __init__(self, response: httpx2.Response, closing: set[asyncio.Task[None]]) -> None:
        self._response = response
        self._pieces = _pieces(response)
        self._closing = closing
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        pieces: list[bytes] = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def chunk(self) -> bytes:
        try:
            return await anext(self._pieces, b"")
        except (httpx2.HTTPError, OSError) as exc:
            raise lost(_cause(exc)) from exc

    def close(self) -> None:
        if self._response.is_closed:
            return
        task = asyncio.create_task(self._let_go())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _let_go(self) -> None:
        await self._pieces.aclose()
        await self._response.aclose()


class SdkTransport:
    """The SDK's client, asked for bytes."""

    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._client = client
        self._closing: set[asyncio.Task[None]] = set()

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        refuse_unsafe(headers)
        options: anthropic.RequestOptions = {
            # Left out unless it is ours: the SDK must not add a second credential.
            "headers": {"Authorization": anthropic.omit, **headers},
            "follow_redirects": False,
            "timeout": self._client.timeout,  # the SDK tells upstream of it
        }
        try:
            if method == "GET":
                response = await self._client.get(path, cast_to=httpx2.Response, options=options)
            else:
                response = await self._post(path, body, options)
        except anthropic.APIStatusError as exc:
            response = exc.response  # read to its end already; `failures` says what it means
        except (anthropic.APIConnectionError, httpx2.HTTPError) as exc:
            raise _unreachable(exc) from exc
        return SdkReply(response, self._closing)

    async def close(self) -> None:
        """Wait until every reply has let go."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _post(
        self, path: str, body: bytes | None, options: anthropic.RequestOptions
    ) -> httpx2.Response:
        # `stream` leaves the body unread; with this `cast_to` the SDK does not parse it, either.
        response = await self._client.post(
            path,
            cast_to=httpx2.Response,
            content=body,
            options=options,
            stream=True,
            stream_cls=anthropic.AsyncStream[object],
        )
        return cast("httpx2.Response", response)


@asynccontextmanager
async def open_client(account: Account) -> AsyncGenerator[Transport]:
    """Open the client. An explicit key, even an empty one, keeps the SDK from looking for others."""
    token = account.auth_token.reveal() if account.auth_token and not account.api_key else None
    timeout = anthropic.Timeout(account.timeout, connect=account.connect_timeout, pool=None)
    async with (
        anthropic.DefaultAsyncHttpxClient(
            timeout=timeout,
            # A stream more must not wait in silence for another to end.
            limits=httpx2.Limits(keepalive_expiry=KEEP),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
        ) as http,
        anthropic.AsyncAnthropic(
            api_key=account.api_key.reveal() if token is None else None,
            auth_token=token,
            base_url=account.base_url,
            timeout=timeout,
            max_retries=0,
            http_client=http,
        ) as client,
    ):
        transport = SdkTransport(client)
        try:
            yield transport
        finally:
            await transport.close()


async def _pieces(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives, or in one piece when the SDK has read it."""
    if response.is_closed:
        yield response.content
        return
    async for piece in response.aiter_raw():
        yield piece


def _unreachable(exc: anthropic.APIConnectionError | httpx2.HTTPError) -> Exception:
    return unreachable(_cause(exc.__cause__ or exc))


def _cause(exc: BaseException) -> BaseException:
    """Return what the other transports would have raised, as far as it matters."""
    return TimeoutError() if isinstance(exc, httpx2.TimeoutException) else exc
