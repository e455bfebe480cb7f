"""Exceptions that nobody expected, as the gateway's log tells of them: types and places."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

MOST_CAUSES = 10


class Defects(logging.Handler):
    """Hears of every error that is logged with an exception."""

    def __init__(self, tell: Callable[[str, list[dict[str, object]], str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of an exception; its words, and what was in its frames, stay here."""
        try:
            exc = record.exc_info[1] if record.exc_info else None
            if exc is not None:
                request = str(getattr(record, "request_id", ""))
                self._tell(record.getMessage(), chain(exc), request)
        except Exception:  # noqa: BLE001  # as every handler of logging's does
            self.handleError(record)


def chain(exc: BaseException) -> list[dict[str, object]]:
    """Return an exception and what caused it, the first cause first, as Sentry wants it."""
    found: list[dict[str, object]] = []
    one: BaseException | None = exc
    while one is not None and len(found) < MOST_CAUSES:
        found.append(_described(one))
        hidden = None if one.__suppress_context__ else one.__context__
        one = one.__cause__ or hidden
    return found[::-1]


def _described(exc: BaseException) -> dict[str, object]:
    # Places only: walking frames by hand reads neither variables nor sources.
    places = traceback.walk_tb(exc.__traceback__)
    frames = [
        {
            "filename": frame.f_code.co_filename.rpartition("/site-packages/")[2],
            "function": frame.f_code.co_qualname
            if hasattr(frame.f_code, "co_qualname")
            else frame.f_code.co_name,
            "module": frame.f_globals.get("__name__", ""),
            "lineno": line,
            "in_app": str(frame.f_globals.get("__name__", "")).startswith("claude_gateway"),
        }
        for frame, line in places
    ]
    kind = type(exc)
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "value": "",
        "stacktrace": {"frames": frames},
        "mechanism": {"type": "claude_gateway", "handled": True},
    }
