"""What a live turn of a session stands in the way of."""

from __future__ import annotations

from claude_gateway.web.gateway import Gateway


def refuse_while_busy(gateway: Gateway, owner: str, session_id: str) -> None:
    """Raise Conflict (`session_busy`) while a turn of the session is live: there is none yet."""


async def stop_turn(gateway: Gateway, owner: str, session_id: str) -> None:
    """End the session's live turn, and wait until it has ended: there is none yet."""
