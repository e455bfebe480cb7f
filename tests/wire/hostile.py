"""What tests of hostile input share: how much is tried, what an answer may be, how much memory is held."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hypothesis import HealthCheck, settings

from claude_gateway.testing import GatewayProcess
from claude_gateway.testing.raw import Connection, Response, refused

# HOSTILE_TESTS=long tries much more: minutes instead of seconds.
LONG = os.environ.get("HOSTILE_TESTS") == "long"


def much(short: int, long: int) -> int:
    """Return how much to try."""
    return long if LONG else short


def trying(short: int, long: int) -> settings:
    """Return settings of Hypothesis for so many examples."""
    return settings(
        max_examples=much(short, long),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def sound(answer: Response) -> None:
    """Check that an answer is no failure of the gateway's, and that a refusal is in the envelope."""
    assert 200 <= answer.status < 500, (answer.head, answer.body)
    assert b"Traceback" not in answer.body
    if answer.status >= 400 and b'"jsonrpc"' not in answer.body:  # MCP has an envelope of its own
        refused(answer, answer.status)


async def throw(port: int, raw: bytes, *, timeout: float = 5) -> Response | None:
    """Send any bytes; return the answer, or None for a connection that was closed without one."""
    async with Connection(port, timeout=timeout) as connection:
        try:
            await connection.send(raw)
            return await connection.response()
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


def resident(gateway: GatewayProcess) -> int:
    """Return the bytes of memory that a gateway holds."""
    pages = Path(f"/proc/{gateway.process.pid}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
