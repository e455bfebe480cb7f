"""What a turn's rounds leave in its session: kept as they end, so that nothing that was done is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from claude_gateway import sse
from claude_gateway.conversations.history import RAN
from claude_gateway.conversations.lasting import uninterrupted
from claude_gateway.engine.rounds import Turn
from claude_gateway.runs.kept import Kept
from claude_gateway.runs.outcome import text_of
from claude_gateway.stores import Store
from claude_gateway.types.resources import Message


class Memory(Protocol):
    """Takes the messages of a turn that goes on. `kept` is how much of it is kept already."""

    kept: Kept

    @property
    def lasting(self) -> bool:
        """Whether what is kept is there when the client comes back."""
        ...

    async def said(self, turn: Turn, ran: Sequence[str]) -> None:
        """Keep what the assistant said, before its calls `ran` by the gateway are made."""
        ...

    async def heard(self, turn: Turn, results: Sequence[Mapping[str, object]]) -> None:
        """Keep the results of calls that the gateway ran."""
        ...


class NoMemory:
    """For turns that belong to no session."""

    lasting = False

    def __init__(self) -> None:
        self.kept = Kept()

    async def said(self, turn: Turn, ran: Sequence[str]) -> None:
        """Keep nothing but the count."""
        self.kept = Kept(turn.blocks, turn.run.usage.output_tokens)

    async def heard(self, turn: Turn, results: Sequence[Mapping[str, object]]) -> None:
        """Keep nothing."""


class SessionMemory:
    """Keeps them as messages of a session, exactly as they go upstream."""

    lasting = True

    def __init__(
        self, store: Store, owner: str, session_id: str, new_id: Callable[[], str]
    ) -> None:
        """`new_id` makes ids of messages."""
        self.kept = Kept()
        self._store = store
        self._where = (owner, session_id)
        self._new_id = new_id

    async def said(self, turn: Turn, ran: Sequence[str]) -> None:
        """Keep it. Raises what the store raises; then no call may be made."""
        tokens = turn.run.usage.output_tokens - self.kept.tokens
        await uninterrupted(self._add(turn, "assistant", turn.spoken, ran, tokens))

    async def heard(self, turn: Turn, results: Sequence[Mapping[str, object]]) -> None:
        """Keep them. Raises what the store raises."""
        ran = [str(block.get("tool_use_id")) for block in results]
        await uninterrupted(self._add(turn, "user", results, ran))

    async def _add(
        self, turn: Turn, role: str, content: Sequence[object], ran: Sequence[str], tokens: int = 0
    ) -> None:
        message = Message(
            self._new_id(),
            role,
            sse.compact([*content]),
            time.time(),
            text=text_of([*content]),
            token_count=tokens,
            metadata={RAN: [*ran]},
            run_id=turn.run.id,
        )
        await self._store.add_messages(*self._where, [message])
        self.kept = Kept(turn.blocks, self.kept.tokens + tokens)
