from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import pytest
from claude_gateway_mcp.keepers import Keeper

from claude_gateway import ToolServer
from claude_gateway.testing import (
    PromptsConformance,
    ResourcesConformance,
    ToolServerConformance,
)

if TYPE_CHECKING:
    from claude_gateway.testing.tool_servers import Sample
    from tests.conftest import Hosted, Serve, Tiny

SAMPLES: tuple[Sample, ...] = (
    ("add", {"a": 1, "b": 2}),
    ("walk", {"steps": 2}),
    ("picture", {}),
    ("wait", {"seconds": 0.01}),
)
READABLE = ("note://today", "note://tomorrow")
PROMPTS = (("greet", {"name": "Ada"}),)


class TestTiny(ToolServerConformance):
    samples = (("echo", {"text": "x"}), ("progress", {}))

    @pytest.fixture
    async def server(self, serve: Serve, tiny: Tiny) -> AsyncGenerator[ToolServer]:
        async with serve(tiny()) as served:
            yield served.server


class TestOnANetwork(ToolServerConformance, ResourcesConformance, PromptsConformance):
    samples = SAMPLES
    resource_samples = READABLE
    prompt_samples = PROMPTS

    @pytest.fixture(params=["http", "sse"])
    async def server(
        self, serve: Serve, hosted: Hosted, request: pytest.FixtureRequest
    ) -> AsyncGenerator[ToolServer]:
        async with hosted(request.param) as host, serve({"url": host.url}) as served:
            yield served.server


class TestOfTheOlderEra(ToolServerConformance, ResourcesConformance, PromptsConformance):
    samples = SAMPLES
    resource_samples = READABLE
    prompt_samples = PROMPTS

    @pytest.fixture
    async def server(
        self, serve: Serve, hosted: Hosted, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncGenerator[ToolServer]:
        monkeypatch.setattr(Keeper, "_all_modes", lambda _: ("legacy",))
        async with hosted("http") as host, serve({"url": host.url}) as served:
            yield served.server
