"""structlog without rich, which takes a third of the start, and is never asked for anything.

structlog loads it for tracebacks that show the values of variables, wherever it is installed. It can be
imported as usual afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def absent(name: str) -> Generator[None]:
    """Let an import of `name` fail as if it were not installed, unless it has been imported."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with absent("rich"):
    import structlog
    from structlog.dev import ConsoleRenderer, plain_traceback
    from structlog.processors import JSONRenderer, StackInfoRenderer, format_exc_info
    from structlog.stdlib import ProcessorFormatter
    from structlog.typing import EventDict, Processor

__all__ = [
    "ConsoleRenderer",
    "EventDict",
    "JSONRenderer",
    "Processor",
    "ProcessorFormatter",
    "StackInfoRenderer",
    "format_exc_info",
    "plain_traceback",
    "structlog",
]
