"""Upstream by Anthropic's own package; this half loads it, `sdk_client` uses it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Transport


@asynccontextmanager
async def open_sdk(account: Account) -> AsyncGenerator[Transport]:
    """Open the SDK's client. Loading it takes a second, during which the event loop goes on."""
    await asyncio.to_thread(importlib.import_module, "claude_gateway_anthropic.sdk_client")
    from claude_gateway_anthropic.sdk_client import open_client  # noqa: PLC0415  # loaded just now

    async with open_client(account) as transport:
        yield transport
