"""What a client must be able to read."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.errors import InvalidRequest


class NotAcceptable(InvalidRequest):
    """The client does not take what would be sent."""

    status = 406
    default_code = "not_acceptable"


def check_accepts(request: web.Request, *kinds: str) -> None:
    """Raise NotAcceptable unless all of them are taken. Who says nothing takes anything."""
    said = ",".join(request.headers.getall("Accept", ("*/*",))).lower()
    ranges = {part.partition(";")[0].strip() for part in said.split(",")}
    for kind in kinds:
        if ranges.isdisjoint({kind, f"{kind.partition('/')[0]}/*", "*/*"}):
            raise NotAcceptable(
                f"This is the address of an MCP server. Send 'Accept: {', '.join(kinds)}'."
            )
