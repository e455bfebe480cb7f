"""What a server gave whoever signed in, and its place in every request: renewed, and sent again once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import cast

import httpx2
from mcp.client.auth.oauth2 import OAuthContext, TokenStorage
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl, ValidationError

from claude_gateway import PluginError
from claude_gateway_mcp.vault import Drawer

log = logging.getLogger(__name__)

RENEWAL = 10.0  # seconds that asking for a new token may take
EARLY = 30.0  # seconds before its end in which a token is renewed
DENIED = 401
WELL = 200


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody was granted. `expires` is in seconds since 1970, None where nobody said.

    `resource` is what it was granted for, "" where the server did not say.
    """

    token: OAuthToken
    client: OAuthClientInformationFull
    token_url: str
    resource: str = ""
    expires: float | None = None

    @property
    def old(self) -> bool:
        """Whether it should be renewed before it is used."""
        return self.expires is not None and time.time() > self.expires - EARLY

    def kept(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "token": self.token.model_dump(mode="json", exclude_none=True),
            "client": self.client.model_dump(mode="json", exclude_none=True),
            "token_url": self.token_url,
            "resource": self.resource,
            "expires": self.expires,
        }

    @classmethod
    def of(cls, kept: dict[str, object] | None) -> Grant | None:
        """Return what was kept; None for what cannot be used any more."""
        if kept is None:
            return None
        try:
            return cls(
                OAuthToken.model_validate(kept["token"]),
                OAuthClientInformationFull.model_validate(kept["client"]),
                str(kept["token_url"]),
                str(kept.get("resource") or ""),
                cast("float | None", kept.get("expires")),
            )
        except (KeyError, ValidationError):
            return None

    def renewed(self, token: OAuthToken) -> Grant:
        """Return it with another token; what the answer leaves out stays as it was."""
        token = token.model_copy(
            update={
                "refresh_token": token.refresh_token or self.token.refresh_token,
                "scope": token.scope or self.token.scope,
            }
        )
        return replace(self, token=token, expires=expiry(token))


def expiry(token: OAuthToken) -> float | None:
    """Return when a token that was given just now ends."""
    return None if token.expires_in is None else time.time() + token.expires_in


class SignedIn(httpx2.Auth):
    """Puts the token into requests to one server. It is renewed when it ends, or when it is refused.

    Nobody is ever asked here: what cannot be renewed leaves the refusal as it is.
    """

    def __init__(self, drawer: Drawer, url: str) -> None:
        self._drawer = drawer
        self._url = url
        self._grant: Grant | None = None
        self._lock = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with the token, and once more with a new one if that is refused."""
        grant = self._grant = self._grant or self._read()
        if grant is not None and grant.old:
            async with self._lock:
                if self._grant is grant and grant.token.refresh_token:
                    renewal = yield self._renewal(grant)
                    await self._renew(grant, renewal)
            grant = self._grant
        response = yield _with(request, grant)
        if response.status_code != DENIED:
            return
        asked = False
        async with self._lock:
            if self._grant is grant:  # nobody else has renewed it meanwhile
                other = self._read()
                if other is not None and (grant is None or other.token != grant.token):
                    self._grant = other  # somebody has signed in, or another process renewed it
                elif grant is not None and grant.token.refresh_token:
                    asked = True
                    renewal = yield self._renewal(grant)
                    await self._renew(grant, renewal)
        # Also where nothing was gained: whoever waits must not be given the answer to our own request.
        if asked or (self._grant is not None and self._grant is not grant):
            yield _with(request, self._grant)

    def _read(self) -> Grant | None:
        try:
            return Grant.of(self._drawer.read())
        except PluginError as exc:
            log.warning("what an MCP server gave cannot be used", extra={"why": str(exc)})
            return None

    def _renewal(self, grant: Grant) -> httpx2.Request:
        asked = {
            "grant_type": "refresh_token",
            "refresh_token": grant.token.refresh_token or "",
            "client_id": grant.client.client_id,
        }
        if grant.resource:
            asked["resource"] = grant.resource
        headers = {"content-type": "application/x-www-form-urlencoded"}
        asked, headers = _context(self._url, grant).prepare_token_auth(asked, headers)
        timeout = httpx2.Timeout(RENEWAL).as_dict()
        return httpx2.Request(
            "POST", grant.token_url, data=asked, headers=headers, extensions={"timeout": timeout}
        )

    async def _renew(self, grant: Grant, response: httpx2.Response) -> None:
        """Take a new token from an answer. Without one, what there was is still tried."""
        if response.status_code != WELL:
            log.warning("a token was not renewed", extra={"status": response.status_code})
            return
        try:
            token = OAuthToken.model_validate_json(await response.aread())
        except ValidationError:
            log.warning("a token was not renewed: the answer is none")
            return
        self._grant = grant.renewed(token)
        try:
            self._drawer.write(self._grant.kept())
        except PluginError as exc:
            log.warning("a renewed token cannot be kept", extra={"why": str(exc)})


def _with(request: httpx2.Request, grant: Grant | None) -> httpx2.Request:
    if grant is not None:
        request.headers["authorization"] = f"Bearer {grant.token.access_token}"
    return request


def _context(url: str, grant: Grant) -> OAuthContext:
    """Return what the SDK needs to know of a client to let it prove who it is."""
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl("http://127.0.0.1/callback")])
    context = OAuthContext(url, metadata, cast("TokenStorage", None), None, None)
    context.client_info = grant.client
    return context
