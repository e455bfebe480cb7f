"""What a live turn of a session stands in the way of."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.runs.claims import session_busy
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.siblings import at_home


def refuse_while_busy(request: web.Request, owner: str, session_id: str) -> None:
    """Raise Conflict (`session_busy`) while a turn of the session is live."""
    at_home(request, session_id)
    gateway = request.app[GATEWAY]
    if gateway.runs is not None and gateway.runs.claims.busy((owner, session_id)):
        raise session_busy()


async def stop_turn(
    request: web.Request, owner: str, session_id: str, *, for_good: bool = False
) -> None:
    """End the session's live turn, and wait until it has ended; `for_good` those that wait, too."""
    at_home(request, session_id)
    gateway = request.app[GATEWAY]
    if gateway.runs is None:
        return
    if for_good:
        gateway.runs.claims.dismiss((owner, session_id))
    live = gateway.runs.in_session(owner, session_id)
    if live is not None:
        live.cancel()
        await live.over()
