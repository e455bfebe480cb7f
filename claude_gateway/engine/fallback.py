"""When upstream fails, ask another model, as long as nothing of an answer has been sent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from claude_gateway.backends import Backend
from claude_gateway.engine.blame import upstreams_fault
from claude_gateway.errors import GatewayError
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.runs import Run

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A model that may answer instead. Its request is made when it is needed: models differ."""

    model: str
    backend: Backend
    request: Callable[[], ModelRequest]


async def answered(
    ask: Callable[[Backend, ModelRequest], Awaitable[T]],
    first: Callable[[], Awaitable[T]],
    alternatives: Sequence[Alternative],
    run: Run,
) -> T:
    """Ask the first; when it is upstream that failed, ask the others, in order.

    When none of them answers, the first one's failure is raised: it is about what the caller asked.
    """
    try:
        return await first()
    except (GatewayError, OSError) as exc:
        if not alternatives or not upstreams_fault(exc):
            raise
        failed = [exc]
    try:
        for other in alternatives:
            try:
                answer = await ask(other.backend, other.request())
            except (GatewayError, OSError) as exc:
                why = getattr(exc, "code", type(exc).__name__)
                log.warning("a fallback failed", extra={"model": other.model, "code": why})
                continue
            run.fallback, run.served_backend = other.model, other.backend.name
            log.warning("fell back", extra={"model": run.model, "to": other.model})
            return answer
        raise failed.pop()
    finally:
        failed.clear()  # it refers to this frame, which must not refer to it
