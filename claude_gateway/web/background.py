"""What goes on beside the requests, from the start to the stop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from claude_gateway.conversations.retention import DAY, Retention, forgetting
from claude_gateway.defaults import keeping_settings as keeping
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.tool_settings import TOOL_AUDIT_DAYS
from claude_gateway.models.refresh import refreshing
from claude_gateway.runs.recovery import recover
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.gateway import Gateway


@asynccontextmanager
async def at_work(gateway: Gateway) -> AsyncGenerator[None]:
    """End what an earlier process left, then watch over streams, health, runs and models.

    Of several workers the first one forgets what is old.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gateway.pulse.running())
        await stack.enter_async_context(gateway.health.watching())
        await stack.enter_async_context(gateway.session_count.watching())
        if gateway.keys is not None:
            await stack.enter_async_context(gateway.keys.noting())
        if gateway.till is not None:
            await stack.enter_async_context(gateway.till.booking())
        if gateway.budgets is not None:
            await stack.enter_async_context(gateway.budgets.keeping())
        if gateway.runs is not None:
            await recover(gateway.runs.store, gateway.runs.price, gateway.ids.message)
            if gateway.budgets is not None:  # what runs have cost that were recovered is known now
                await gateway.budgets.store.release_abandoned()
            await stack.enter_async_context(gateway.runs.keeping())
            if gateway.deciding is not None:
                await gateway.deciding.take_up(partial(_lives_here, gateway))
                await stack.enter_async_context(gateway.deciding.watching())
        if gateway.runs is not None and _keeps_house(gateway):
            keep = Retention(
                sessions=gateway.settings[keeping.RETENTION_DAYS] * DAY,
                events=gateway.settings[keeping.RUN_LOG_HOURS] * 3600.0,
                audit=gateway.settings[TOOL_AUDIT_DAYS] * DAY,
            )
            await stack.enter_async_context(forgetting(gateway.runs.store, keep))
        await stack.enter_async_context(
            refreshing(gateway.catalogue, gateway.settings[names.MODELS_REFRESH])
        )
        yield


def _keeps_house(gateway: Gateway) -> bool:
    return gateway.siblings is None or gateway.siblings.index == 0


def _lives_here(gateway: Gateway, run: RunRecord) -> bool:
    """Whether this is the worker that a run lives in."""
    siblings = gateway.siblings
    return siblings is None or siblings.home(run.session_id or run.id) == siblings.index
