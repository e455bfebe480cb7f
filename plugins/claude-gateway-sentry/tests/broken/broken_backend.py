"""A plugin whose backend has a defect, and words in it that nobody may read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import (
    Event,
    MessageStop,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    Offer,
    Settings,
    hookimpl,
)


class Broken:
    models = (ModelInfo("broken-1", name="Broken", owned_by="me", max_tokens=1000),)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        said = str(request.messages)
        if said:
            try:
                raise ValueError(f"CANARY sk-ant-CANARY-inner {said}")
            except ValueError as exc:
                raise KeyError(f"CANARY sk-ant-CANARY-outer {said}") from exc
        yield MessageStop()


class Plugin:
    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ModelBackend]:
            yield Broken()

        return [Offer("broken", opened)]


plugin = Plugin()
