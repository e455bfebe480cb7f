from __future__ import annotations

import pytest
from claude_gateway_mock import MockBackend, script

from claude_gateway import ModelBackend, ModelRequest
from claude_gateway.testing import ModelBackendConformance


class TestAtFullSpeed(ModelBackendConformance):
    @pytest.fixture
    async def backend(self) -> ModelBackend:
        return MockBackend()


class TestAtAPace(ModelBackendConformance):
    @pytest.fixture
    async def backend(self) -> ModelBackend:
        return MockBackend(pace=0.001, first_delay=0.001)


class TestWithAScript(ModelBackendConformance):
    @pytest.fixture
    async def backend(self) -> ModelBackend:
        return MockBackend()

    def request_for(self, text: str) -> ModelRequest:
        steps = ({"think": "Well"}, {"text": text or "-"}, {"tool": "t", "input": {"of": text}})
        return super().request_for(script(*steps, {"block": {"type": "new_kind"}}, {"ping": True}))
