"""Log lines on standard error: an event and its fields, as JSON or for a person."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from claude_gateway.redaction import redacted
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
        return redacted(compact(line).decode())


class Console(logging.Formatter):
    """A line for a person."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, then name=value."""
        moment = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        values = " ".join(f"{name}={value}" for name, value in fields(record).items())
        line = f"{moment} {record.levelname.lower():<7} {record.getMessage()} {values}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redacted(line)


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what the call gave beside the event, as `extra`."""
    return {name: v for name, v in vars(record).items() if name not in _STANDARD}


def for_a_person(form: str) -> bool:
    """Whether `form` (auto, console or json) means lines for a person."""
    return form == "console" or (form == "auto" and sys.stderr.isatty())


def json_line(values: dict[str, object]) -> bytes:
    """One line of the access log, as JSON."""
    return compact(values) + b"\n"


def console_line(values: dict[str, object]) -> bytes:
    """One line of the access log, for a person."""
    hidden = ("time", "level", "event", "request_id", "run", "method", "route", "status")
    rest = " ".join(f"{name}={value}" for name, value in values.items() if name not in hidden)
    moment = str(values["time"])[11:19]
    line = f"{moment} {values['method']} {values['route']} {values['status']} {rest}"
    return f"{line} {values['request_id']}\n".encode()


def configure(form: str, *, debug: bool) -> None:
    """Set the root logger up; `form` is auto, console or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Console() if for_a_person(form) else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Only our own loggers say more: the SDK's, at this level, write keys and whole prompts.
    logging.getLogger("claude_gateway").setLevel(logging.DEBUG if debug else logging.INFO)
    # Not asked for on any line, and each takes a look-up for every record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for noisy in ("asyncio", "aiohttp", "anthropic", "httpcore", "httpcore2", "httpx", "httpx2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _time(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
