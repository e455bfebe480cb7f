"""What a live turn of a session stands in the way of."""

from __future__ import annotations

from claude_gateway.runs.claims import session_busy
from claude_gateway.web.gateway import Gateway


def refuse_while_busy(gateway: Gateway, owner: str, session_id: str) -> None:
    """Raise Conflict (`session_busy`) while a turn of the session is live."""
    if gateway.runs is not None and gateway.runs.claims.busy((owner, session_id)):
        raise session_busy()


async def stop_turn(gateway: Gateway, owner: str, session_id: str) -> None:
    """End the session's live turn, and wait until it has ended."""
    live = gateway.runs.in_session(owner, session_id) if gateway.runs is not None else None
    if live is not None:
        live.cancel()
        await live.over()
