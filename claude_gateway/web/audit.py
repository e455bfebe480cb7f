"""GET /v1/mcp/audit: who called which tool, and how that ended."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from aiohttp import hdrs, web

from claude_gateway.dialects.resources import audit
from claude_gateway.dialects.resources.reading import choice, page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import GatewayError
from claude_gateway.types.resources import Listing
from claude_gateway.types.trust import AuditEntry
from claude_gateway.web.gateway import PRINCIPAL
from claude_gateway.web.keeping import owner_of, store_of
from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import json_reply

log = logging.getLogger(__name__)

AUDIT_QUERY = (
    *("limit", "offset", "audit_session", "server", "tool", "outcome", "since", "until"),
    *("principal", "audit_format"),
)


@Operation(gives="AuditEntries", query=AUDIT_QUERY, files=tuple(audit.FORMATS.values()))
async def list_audit(request: web.Request) -> web.StreamResponse:
    """List calls, the newest first: the caller's own, and everybody's to who manages tools."""
    query, store, who = request.query, store_of(request), owner_of(request)
    form = choice(query, "format", audit.FORMATS)
    only, window = audit.read_filter(query), page(query)
    asked = query.get("principal") or None
    principal = request[PRINCIPAL]
    manages = "mcp:manage" in principal.scopes and principal.projects is None
    whose = asked if manages else who
    if principal.projects is not None:
        only = replace(only, projects=tuple(sorted(principal.projects)))
    nothing = asked not in (None, whose)  # somebody else's, of which nothing is told
    if form in ("", "json"):
        listing = await store.list_audit(whose, window, only)
        shown: Listing[AuditEntry] = Listing([], 0) if nothing else listing
        return json_reply(listed("entries", shown, window, audit.written))
    headers = {"Content-Disposition": f'attachment; filename="audit.{form}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type = audit.FORMATS[form]
    response.charset = "utf-8"
    await response.prepare(request)
    if request.method != hdrs.METH_HEAD and not nothing:
        await _write(response, audit.exported(store, whose, only, form))
    return response


async def _write(response: web.StreamResponse, pieces: AsyncGenerator[bytes]) -> None:
    """Write a file of any length. One that breaks off must not look whole."""
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                await response.write(piece)
        except GatewayError as exc:
            log.warning("an export broke off", extra={"error": exc.code})
            raise ConnectionAbortedError("an export broke off") from None
