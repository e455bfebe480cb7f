"""A backend and its abilities, looked up once when its offer is opened."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from claude_gateway.interfaces import (
    Completes,
    CountsTokens,
    HasAddress,
    ListsModels,
    ModelBackend,
    ServesUnknown,
    StreamsBatches,
)
from claude_gateway.types.events import Event
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import Answer, ModelRequest


@dataclass(frozen=True, slots=True)
class Backend:
    """What the engine calls. An ability that the backend lacks is None."""

    name: str
    models: tuple[ModelInfo, ...]
    stream: Callable[[ModelRequest], AsyncGenerator[Sequence[Event]]]
    complete: Callable[[ModelRequest], Awaitable[Answer]] | None
    count_tokens: Callable[[ModelRequest], Awaitable[Answer]] | None
    serves: Callable[[str], bool]
    list_models: Callable[[], Awaitable[Sequence[ModelInfo]]] | None
    address: str = ""

    @classmethod
    def of(cls, name: str, backend: ModelBackend) -> Backend:
        """Ask `backend` what it can do."""
        return cls(
            name,
            tuple(backend.models),
            backend.stream_batches
            if isinstance(backend, StreamsBatches)
            else _one_by_one(backend.stream),
            backend.complete if isinstance(backend, Completes) else None,
            backend.count_tokens if isinstance(backend, CountsTokens) else None,
            backend.serves if isinstance(backend, ServesUnknown) else _nothing_more,
            backend.list_models if isinstance(backend, ListsModels) else None,
            backend.address if isinstance(backend, HasAddress) else "",
        )


def _one_by_one(
    stream: Callable[[ModelRequest], AsyncGenerator[Event]],
) -> Callable[[ModelRequest], AsyncGenerator[Sequence[Event]]]:
    async def batches(request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        async with aclosing(stream(request)) as events:
            async for event in events:
                yield (event,)

    return batches


def _nothing_more(_model_id: str) -> bool:
    return False
