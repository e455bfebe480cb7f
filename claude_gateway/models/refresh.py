"""Look at upstream's own lists of models in the background; no request ever waits for that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from claude_gateway.errors import GatewayError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.types.models import ModelInfo

log = logging.getLogger(__name__)

PATIENCE = 60.0  # seconds for one look


@asynccontextmanager
async def refreshing(catalogue: Catalogue, every: float) -> AsyncGenerator[None]:
    """Look now and every so many seconds, one task for each backend that can; 0 never looks."""
    tasks = [
        asyncio.create_task(_keep_looking(catalogue, backend.name, backend.list_models, every))
        for backend in catalogue.backends
        if backend.list_models is not None and every > 0
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_looking(
    catalogue: Catalogue,
    name: str,
    look: Callable[[], Awaitable[Sequence[ModelInfo]]],
    every: float,
) -> None:
    failing = False
    while True:
        why = await _look(catalogue, name, look)
        if why is not None and not failing:  # an upstream that is gone for a night is told once
            log.warning(
                "models could not be listed; the known ones stay",
                extra={"backend": name, "why": why},
            )
        failing = why is not None
        await asyncio.sleep(every)


async def _look(
    catalogue: Catalogue, name: str, look: Callable[[], Awaitable[Sequence[ModelInfo]]]
) -> str | None:
    """Look once, and return why it failed, if it did."""
    try:
        async with asyncio.timeout(PATIENCE):
            models = await look()
        catalogue.refresh(name, models)
    except GatewayError as exc:
        return exc.message
    except TimeoutError:
        return f"no answer within {PATIENCE:g} s"
    except Exception as exc:  # noqa: BLE001  # a stranger's code; told by the caller, and once
        return f"{type(exc).__name__}: {exc}"
    return None
