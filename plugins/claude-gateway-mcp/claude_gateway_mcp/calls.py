"""One call of a tool, which ends within a second when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import mcp_types as types
from mcp import MCPError

from claude_gateway import Progress, ToolCall, ToolResult
from claude_gateway_mcp.links import Link
from claude_gateway_mcp.reasons import Failed
from claude_gateway_mcp.translating import plain, result_of

LET_GO = 0.7  # seconds
LONGEST_WORDS = 500  # characters of a progress message


async def called(link: Link, name: str, call: ToolCall, timeout_s: float | None) -> ToolResult:
    """Call a tool and return what it gave. Raises Failed, or Forgotten when the server did nothing."""
    calling = asyncio.create_task(_called(link, name, call))
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.wait({calling})
        return calling.result()
    except TimeoutError:
        await _let_go(link, calling)
        return ToolResult.failed(f"The tool took longer than {timeout_s:g} s and was given up.")
    except asyncio.CancelledError:
        await _let_go(link, calling)
        raise


async def _called(link: Link, name: str, call: ToolCall) -> ToolResult:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        call.progress(Progress(progress, total, (message or "")[:LONGEST_WORDS]))

    arguments = cast("Mapping[str, object]", plain(call.arguments))
    try:
        return result_of(await link.call(name, arguments, on_progress, call.carried))
    except MCPError as exc:
        said = await link.meaning(exc)
        if exc.code == types.CONNECTION_CLOSED and not link.over:
            return ToolResult.failed("The server ended the call without an answer.")
        raise said from None
    except Exception as exc:  # noqa: BLE001  # the SDK's and what is below it; told by `meaning`
        raise await link.meaning(exc) from None


async def _let_go(link: Link, calling: asyncio.Task[ToolResult]) -> None:
    """Tell the server that nobody waits. One that does not even take that is connected anew."""
    calling.cancel()
    done, _ = await asyncio.wait({calling}, timeout=LET_GO)
    if not done:
        link.end(Failed("It does not take what is sent to it."))
    elif not calling.cancelled():
        calling.exception()  # it was nearly done; nobody asks any more
