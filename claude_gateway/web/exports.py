"""GET /v1/sessions/{id}/export."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web

from claude_gateway.dialects.resources import exports
from claude_gateway.dialects.resources.reading import choice
from claude_gateway.web.addresses import place_of, seen_session
from claude_gateway.web.keeping import store_of
from claude_gateway.web.operation import Operation


@Operation(query=("export_format",), files=tuple(exports.FORMATS.values()))
async def export_session(request: web.Request) -> web.StreamResponse:
    """Hand out a whole session as a file: json (the default), jsonl or markdown."""
    form = choice(request.query, "format", exports.FORMATS) or "json"
    store, (who, id_) = store_of(request), place_of(request, request.match_info["id"])
    record = await exports.record(store, who, id_)
    record = replace(record, session=seen_session(request, record.session))
    # A long conversation takes a while to write; nobody else waits for it.
    body = await asyncio.to_thread(exports.export, record, form)
    name = exports.filename(record.session, form)
    return web.Response(
        body=body,
        content_type=exports.FORMATS[form],
        charset="utf-8" if form == "markdown" else None,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
