"""Runs that a process which is gone has left unended: what was said is kept, and accounted for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from claude_gateway import sse
from claude_gateway.conversations.history import RAN
from claude_gateway.dialects import kept
from claude_gateway.dialects.numbering import numbered
from claude_gateway.errors import GatewayError, NotFound, Unavailable
from claude_gateway.runs.outcome import answer, estimated
from claude_gateway.stores import Store
from claude_gateway.types.resources import Message, Page, stopped
from claude_gateway.types.turns import Events, RunEnd, RunRecord, RunStatus
from claude_gateway.types.usage import Usage

log = logging.getLogger(__name__)

# Clients may have seen frames that were not stored any more: what follows must count as news.
GAP = 100_000
UNMADE = "This call was not made: the turn was stopped before anybody approved it."
MOST = 1000  # executions that are looked at in one go


async def recover(
    store: Store, price: Callable[[str, Usage], Decimal | None], new_id: Callable[[], str]
) -> int:
    """End them all as interrupted; return how many there were. `new_id` makes ids of messages."""
    found = await store.orphaned_runs()
    orphans = [run for run in found if run.status != "awaiting_approval"]
    for run in orphans:
        await _end_calls(store, run)
        await store.end_run(await _interrupted(store, run, price, new_id()))
    if orphans:
        log.warning(
            "runs were interrupted by the end of their process", extra={"runs": len(orphans)}
        )
    return len(orphans)


async def cut(
    store: Store, run: RunRecord, why: GatewayError, cost: Decimal | None, message_id: str
) -> RunEnd:
    """Return the end of a run that waited for approvals: calls that were not made get a result.

    All that was said before has been kept, in a session by the rounds themselves.
    """
    status: RunStatus = "cancelled" if why.code == "cancelled" else "interrupted"
    record = replace(
        run,
        status=status,
        ended_at=time.time(),
        error_code=why.code,
        error_message=why.message,
        cost=cost,
    )
    return RunEnd(record, await _unmade(store, run, message_id))


async def _unmade(store: Store, run: RunRecord, message_id: str) -> Sequence[Message]:
    """Return the results of calls that a run has kept, and that will not be made any more."""
    if run.session_id is None:
        return ()
    try:
        _, messages = await store.history(run.owner, run.session_id)
    except NotFound:
        return ()
    last = messages[-1] if messages else None
    if last is None or last.run_id != run.id or last.role != "assistant":
        return ()
    ids = last.metadata.get(RAN)
    if not isinstance(ids, list) or not ids:
        return ()
    results = [
        {"type": "tool_result", "tool_use_id": id_, "content": UNMADE, "is_error": True}
        for id_ in ids
    ]
    metadata = {RAN: ids}
    said = sse.compact(results)
    return [Message(message_id, "user", said, time.time(), metadata=metadata, run_id=run.id)]


async def _interrupted(
    store: Store, run: RunRecord, price: Callable[[str, Usage], Decimal | None], message_id: str
) -> RunEnd:
    said, last, usage = await _said(store, run)
    said = _rest(said, await _kept(store, run))
    message = {"content": [{"type": "text", "text": said}]} if said else {}
    usage = estimated(usage, message)
    error = Unavailable(
        "The gateway was stopped in the middle of this answer. What was said until then is kept.",
        code="interrupted",
    )
    first = last + GAP
    frames, end = numbered(kept.ended(run.dialect, error, run.request_id), first)
    record = replace(
        run,
        status="interrupted",
        ended_at=time.time(),
        error_code=error.code,
        error_message=error.message,
        usage=usage,
        cost=price(run.model, usage) if usage.total_tokens else Decimal(0),
        last_event=end,
    )
    return RunEnd(
        record,
        answer(message, message_id, record, whole=False),
        Events(run.id, first, end, frames, usage),
    )


async def _end_calls(store: Store, run: RunRecord) -> None:
    """Say of the tools that the run had at work that they were stopped."""
    if run.session_id is None:
        return
    while True:  # those that were ended are not found again
        listing = await store.list_tool_executions(
            run.owner, run.session_id, Page(limit=MOST), status="running"
        )
        mine = [call for call in listing.items if call.run_id == run.id]
        if not mine:
            return
        await store.add_tool_executions(run.owner, [stopped(call) for call in mine])


async def _kept(store: Store, run: RunRecord) -> str:
    """Return what of the answer the conversation has already: rounds are kept as they end."""
    if run.session_id is None:
        return ""
    _, messages = await store.history(run.owner, run.session_id)
    return "".join(m.text for m in messages if m.run_id == run.id and m.role == "assistant")


def _rest(said: str, kept: str) -> str:
    """Return what was said after what is kept; the frames of that may be missing."""
    return said[len(kept) :] if said.startswith(kept) else ""


async def _said(store: Store, run: RunRecord) -> tuple[str, int, Usage]:
    texts: list[str] = []
    last, usage = run.last_event, run.usage
    after = 0
    while found := await store.read_events(run.owner, run.id, after):
        for events in found:
            texts.append(kept.said(run.dialect, events.frames))
            usage = events.usage if events.usage.total_tokens else usage
        after = found[-1].last
        last = max(last, after)
    return "".join(texts), last, usage
