"""Log lines on standard error: an event and its fields, as JSON or for a person."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from claude_gateway.sse import compact

# Attributes that every record has; what remains came with the call.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "fields",
    "taskName",
}


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, then the fields."""
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return compact(line).decode()


class Console(logging.Formatter):
    """A line for a person."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, then name=value."""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        values = " ".join(f"{name}={value}" for name, value in fields(record).items())
        line = f"{moment} {record.levelname.lower():<7} {record.getMessage()} {values}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what the call gave beside the event: `extra`, or one dict of fields in it."""
    given = getattr(record, "fields", None)
    if isinstance(given, dict):
        return given
    return {name: v for name, v in vars(record).items() if name not in _STANDARD}


def configure(form: str, *, debug: bool) -> None:
    """Set the root logger up; `form` is auto, console or json."""
    handler = logging.StreamHandler(sys.stderr)
    person = form == "console" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(Console() if person else JsonLines())
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])
    # Not asked for on any line, and each takes a look-up for every record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for noisy in ("asyncio", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _time(created: float) -> str:
    return datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
