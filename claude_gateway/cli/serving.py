"""What serving takes on the command line, by one process or by several."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING

from claude_gateway.cli.logs import configure, of_worker, request_line
from claude_gateway.defaults import settings as names
from claude_gateway.plugins import Plugins
from claude_gateway.settings import Settings

if TYPE_CHECKING:
    from claude_gateway.web.access_log import AccessLog, Line
    from claude_gateway.web.gateway import Gateway


def configure_log(settings: Settings, plugins: Plugins) -> None:
    """Set up what is logged; where there are several workers, lines name theirs."""
    configure(settings[names.LOG_FORMAT], _level(settings), plugins.packages())
    if settings.workers > 1:
        of_worker(settings.worker)


def _level(settings: Settings) -> str:
    return "debug" if settings[names.DEBUG] else settings[names.LOG_LEVEL]


def access_log(settings: Settings) -> AccessLog:
    """Return the log of requests, which names the worker where there are several."""
    from claude_gateway.web.access_log import AccessLog  # noqa: PLC0415  # loads aiohttp

    render = request_line(settings[names.LOG_FORMAT])

    def of_this_one(values: Line) -> bytes:
        return render({**values, "worker": settings.worker})

    wanted = render if settings.workers == 1 else of_this_one
    return AccessLog(wanted, write_log, _level(settings))


def write_log(lines: bytes) -> None:
    """Write to standard error; nobody reading it is no reason to stop serving."""
    with suppress(OSError):
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()


def counts_of(gateway: Gateway) -> dict[str, int]:
    """Return how many models each backend serves."""
    counts: dict[str, int] = dict.fromkeys(gateway.backends, 0)
    for model in gateway.catalogue.models:
        counts[gateway.catalogue.resolve(model.id).backend.name] += 1
    return counts


def run(serving: Coroutine[object, object, None]) -> None:
    """Run on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415  # absent on Windows
    except ImportError:
        asyncio.run(serving)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)
