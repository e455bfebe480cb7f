"""One call of a stranger's tool: in time, of bounded size, and never an exception."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping

from claude_gateway import sse
from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox.entries import Entry
from claude_gateway.types.tools import ToolCall, ToolResult

log = logging.getLogger(__name__)

LARGEST = 8 * 2**20  # bytes of a result, as JSON
LONGEST_REASON = 2000  # characters


async def called(server: ToolServer, entry: Entry, call: ToolCall, timeout_s: float) -> ToolResult:
    """Call a tool and return what it gave, or why it failed, as a result that a model can read.

    Only a cancellation comes through. Arguments are never logged.
    """
    why = await asyncio.to_thread(entry.unfit, call.arguments)
    if why is not None:
        return ToolResult.failed(f"The arguments do not fit the tool's schema: {why}")
    patience = asyncio.timeout(timeout_s)
    try:
        async with patience:
            result = await server.call(entry.tool.name, call)
        return decent(result)
    except GatewayError as exc:
        return ToolResult.failed(redacted(exc.message)[:LONGEST_REASON])
    except (Exception, SystemExit) as exc:  # noqa: BLE001  # a stranger's code; see _log
        if patience.expired():
            return ToolResult.failed(f"The tool took longer than {timeout_s:g} s and was given up.")
        _log(entry, exc)
        words = " ".join(str(exc).split())
        said = f"The tool failed: {type(exc).__name__}: {words}".rstrip(": ")
        return ToolResult.failed(redacted(sse.whole_characters(said))[:LONGEST_REASON])


def decent(result: object) -> ToolResult:
    """Return a result that can be shown and kept."""
    if not isinstance(result, ToolResult) or not all(map(_is_block, result.content)):
        return ToolResult.failed("The tool gave something that is no result.")
    try:
        size = len(sse.compact([result.content, result.structured_content]))
    except (TypeError, ValueError, RecursionError):
        return ToolResult.failed("The tool gave something that is not JSON.")
    if size > LARGEST:
        return ToolResult.failed(
            f"The tool gave {size} bytes, more than the {LARGEST // 2**20} MB that are taken. Ask for less."
        )
    return result


def _is_block(block: object) -> bool:
    return isinstance(block, Mapping) and isinstance(block.get("type"), str)


def _log(entry: Entry, exc: BaseException) -> None:
    """Say what failed and where, in none of the error's own words: they may hold arguments."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    where = {"error": type(exc).__name__, "at": f"{last.filename}:{last.lineno}"}
    log.error("a tool failed", extra={"server": entry.server, "tool": entry.tool.name, **where})
