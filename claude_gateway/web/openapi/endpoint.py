"""GET /openapi.json and /docs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import bytes_reply

if TYPE_CHECKING:
    from claude_gateway.web.app import Route


class Description:
    """What is said of the routes, made when it is asked for the first time, so that nobody waits at the start."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._document = self._page = b""
        self._policy = ""

    def document(self) -> bytes:
        """Return the document, as JSON."""
        self._make()
        return self._document

    def page(self) -> tuple[bytes, str]:
        """Return the page, and what it may load: nothing but its own style."""
        self._make()
        return self._page, self._policy

    def _make(self) -> None:
        if not self._document:
            from claude_gateway import sse  # noqa: PLC0415  # none of it is needed at the start
            from claude_gateway.web.openapi import document, page  # noqa: PLC0415

            described = document.document(self._routes)
            self._page, self._policy = page.page(described), page.POLICY
            self._document = sse.compact(described)


DESCRIPTION = web.AppKey("description", Description)


@Operation(gives="Document")
async def document(request: web.Request) -> web.StreamResponse:
    """Describe this API, plugins' routes included, as an OpenAPI document."""
    return bytes_reply(await asyncio.to_thread(request.app[DESCRIPTION].document))


@Operation(files=("text/html",))
async def page(request: web.Request) -> web.StreamResponse:
    """Show the same to people, as a page that loads nothing."""
    body, policy = await asyncio.to_thread(request.app[DESCRIPTION].page)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return web.Response(body=body, headers=headers, content_type="text/html", charset="utf-8")
