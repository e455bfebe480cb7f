from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import pytest
from claude_gateway_anthropic.backend import AnthropicBackend, open_backend
from claude_gateway_anthropic.settings import Account

from claude_gateway.testing import FakeAnthropic, ModelBackendConformance


class TestOverEveryTransport(ModelBackendConformance):
    @pytest.fixture
    async def backend(self, account: Callable[..., Account]) -> AsyncGenerator[AnthropicBackend]:
        async with FakeAnthropic() as upstream, open_backend(account(upstream.url)) as backend:
            yield backend
