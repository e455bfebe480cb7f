"""What a live run works at, and who keeps what comes of it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.encoder import Encoder
from claude_gateway.errors import GatewayError
from claude_gateway.runs.kept import Kept
from claude_gateway.types.approvals import Parked
from claude_gateway.types.events import Event
from claude_gateway.types.principals import Principal
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import Events, RunEnd, RunRecord
from claude_gateway.types.values import value

Ending: TypeAlias = Literal["cancelled", "interrupted"]
# Writes the answer for a client that does not stream: the message and what it cost.
Reply: TypeAlias = Callable[[Mapping[str, object], Decimal | None], Awaitable[bytes]]


@value
class Work:
    """What there is to do: the model's events, how they are written, the account they are kept in.

    `batches` must not have been started. `message_id` is what the answer will be called. `kept` says
    what of it is kept before its end. `parked` is what there is to keep when the events ended because
    somebody has to be asked.
    """

    run: Run
    batches: AsyncGenerator[Sequence[Event]]
    encoder: Encoder
    message_id: str
    reply: Reply | None = None
    kept: Callable[[], Kept] = Kept
    parked: Callable[[], Parked | None] = lambda: None


class Keeper(Protocol):
    """Who keeps the end of runs."""

    most_bytes: int

    async def park(self, run: RunRecord, parked: Parked, events: Events | None) -> None:
        """Keep a run that waits. Raises what the store raises."""
        ...

    async def cut(self, run: RunRecord, why: GatewayError, events: Events | None) -> RunEnd:
        """Return the end of a run that waited in vain."""
        ...

    async def keep(self, end: RunEnd) -> GatewayError | None:
        """Store it; return why that was not possible."""
        ...

    def keep_later(self, end: RunEnd) -> None:
        """Store it as soon as that is possible again."""
        ...


def at_rest(record: RunRecord) -> Work:
    """Return what a run works at that waits: nothing."""
    run = Run(
        id=record.id,
        principal=Principal(record.payer, record.payer),
        model=record.model,
        backend="",
        request_id=record.request_id,
        stream=record.stream,
        started=time.monotonic(),
        served_model=record.served_model,
        usage=record.usage,
        parked=True,
    )
    return Work(run, _nothing(), MessageStream(), "")


async def _nothing() -> AsyncGenerator[Sequence[Event]]:
    none: Sequence[Sequence[Event]] = ()
    for batch in none:
        yield batch
