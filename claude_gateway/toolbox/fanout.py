"""Several calls at once, so many at a time; what becomes of one is nothing to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from claude_gateway.toolbox.outcomes import Outcome
from claude_gateway.types.tools import ToolResult

T = TypeVar("T")


async def side_by_side(jobs: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """Do all jobs and return what they gave, in their order. Whoever leaves stops all of them.

    A job whose failure is no reason to stop the others returns it.
    """
    room = asyncio.Semaphore(at_once)

    async def within(job: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await job()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(within(job)) for job in jobs]
    return [task.result() for task in tasks]


def merged(outcomes: Sequence[Outcome]) -> ToolResult:
    """Make one result of several, each under the name of its tool; it fails when all have failed."""
    content: list[Mapping[str, object]] = []
    for outcome in outcomes:
        failed = " failed" if outcome.result.is_error else ""
        content.append({"type": "text", "text": f"[{outcome.wire_name}{failed}]"})
        content += outcome.result.content
    return ToolResult(content, is_error=all(outcome.result.is_error for outcome in outcomes))
