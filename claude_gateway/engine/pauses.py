"""Turns that upstream pauses: its own tools have run for long, and it wants to be asked again.

The assistant's turn goes back as it is, and upstream takes it up where it stopped. There is nothing
to say in between, and no client that does not know Anthropic's API needs to hear of it.
"""

from __future__ import annotations

import logging

from claude_gateway.engine.rounds import Turn
from claude_gateway.types.requests import ModelRequest

log = logging.getLogger(__name__)

PAUSED = "pause_turn"
MOST_RESUMPTIONS = 5
CLIENTS_OWN = (None, "custom", "function")


class Pauses:
    """Resumes paused turns, a limited number of times; then the pause is the turn's end."""

    def __init__(self, limit: int = MOST_RESUMPTIONS) -> None:
        self._limit = limit

    def possible(self, request: ModelRequest) -> bool:
        """Only upstream's own tools make it pause."""
        tools = request.params.get("tools")
        return bool(tools) and isinstance(tools, list) and any(map(_is_upstreams, tools))

    async def following(self, turn: Turn) -> ModelRequest | None:
        """Ask again with what was said so far, if it can be told exactly and lacks no result."""
        if turn.stop_reasons[-1] != PAUSED:
            return None
        again = turn.stop_reasons.count(PAUSED)
        if again > self._limit or not turn.exact or not turn.content or turn.calls():
            run = turn.run
            log.warning(
                "a paused turn was not resumed",
                extra={"run": run.id, "request_id": run.request_id, "resumed": again - 1},
            )
            return None
        return turn.continued()


def _is_upstreams(tool: object) -> bool:
    return isinstance(tool, dict) and tool.get("type") not in CLIENTS_OWN


PAUSES = Pauses()
