"""Models that upstream lists later are served without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from claude_gateway import Event, ModelInfo, ModelRequest, Ping

if TYPE_CHECKING:
    from tests.web.conftest import Run


class Growing:
    """Serves one model, until somebody looks again."""

    models = (ModelInfo("m"),)

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()

    async def list_models(self) -> Sequence[ModelInfo]:
        self.looked.set()
        return [ModelInfo("n")]


async def test_a_new_model_is_listed_while_the_gateway_serves(run: Run) -> None:
    backend = Growing()
    async with run(backend) as running:
        async with asyncio.timeout(5):
            await backend.looked.wait()
        listed = (await running.ask("GET", "/v1/models")).json["data"]
    assert [model["id"] for model in listed] == ["m", "n"]


async def test_nobody_looks_when_that_is_not_wanted(run: Run) -> None:
    backend = Growing()
    async with run(backend, GATEWAY_MODELS_REFRESH="0") as running:
        assert len((await running.ask("GET", "/v1/models")).json["data"]) == 1
    assert not backend.looked.is_set()
