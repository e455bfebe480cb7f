"""Hears of changes, from servers of the era in which that has to be asked for."""

from __future__ import annotations

import asyncio
import logging

from mcp import MCPError
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

from claude_gateway_mcp.links import PROMPTS, RESOURCES, TOOLS, Link

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds before listening again


async def listen(link: Link) -> None:
    """Let the connection hear of changes. Ends only where nothing is told."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with link.client.listen(
                tools_list_changed=link.tells.get(TOOLS, False),
                resources_list_changed=link.tells.get(RESOURCES, False),
                prompts_list_changed=link.tells.get(PROMPTS, False),
            ) as heard:
                pause = FIRST_PAUSE
                async for _ in heard:
                    pass  # the connection itself hears of it as well
        except (ListenNotSupportedError, MCPError) as exc:
            log.debug(
                "an MCP server tells no changes",
                extra={"server": link.spec.id, "error": type(exc).__name__},
            )
            link.deaf = True
            return
        except (SubscriptionLost, TimeoutError):
            pass
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
        link.read.clear()  # what happened meanwhile was not heard
        link.stir()
