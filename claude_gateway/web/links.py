"""Images and files that a request only points at: fetched, when the operator wants that."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.openai.links import links
from claude_gateway.web.fetching import Unfetched
from claude_gateway.web.gateway import GATEWAY

MOST_LINKS = 50


async def fetch_links(request: web.Request, fields: Mapping[str, object]) -> None:
    """Replace the URLs in `fields` by what is there. Raises InvalidRequest naming the field."""
    fetcher = request.app[GATEWAY].fetcher
    if fetcher is None:
        return
    found = links(fields)
    urls = list(dict.fromkeys(link.url for link in found))
    if len(urls) > MOST_LINKS:
        beyond = next(link for link in found if link.url == urls[MOST_LINKS])
        wrong(beyond.path, f"is one URL too many: {MOST_LINKS} are fetched for a request")
    if not urls:
        return
    fetched = dict(zip(urls, await fetcher.fetch(urls), strict=True))
    for link in found:
        content = fetched[link.url]
        if isinstance(content, Unfetched):
            wrong(link.path, content.why, code="invalid_image_url")
        link.replace(content)
