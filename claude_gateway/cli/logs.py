"""Lines of the log on standard error: an event and its fields, as JSON or for a person.

structlog makes them, of whatever is logged by the core, by plugins and by libraries, with `logging`
or with structlog. The lines of requests come from elsewhere (`web.access_log`), and end the same way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import filterfalse
from typing import Any, cast

from claude_gateway.cli.lean_structlog import (
    ConsoleRenderer,
    EventDict,
    JSONRenderer,
    Processor,
    ProcessorFormatter,
    StackInfoRenderer,
    format_exc_info,
    plain_traceback,
    structlog,
)
from claude_gateway.context import CURRENT
from claude_gateway.redaction import redacted
from claude_gateway.sse import compact

NOISY = ("asyncio", "aiohttp", "anthropic", "httpcore", "httpcore2", "httpx", "httpx2")
OURS = "claude_gateway"
# Attributes that every record has, or gets from who writes it elsewhere; what remains came with the call.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Of the line of a request: fields with words and ids of the gateway's own, or with numbers.
OWN_WORDS = frozenset({"time", "level", "event", "method", "route", "run"})
NUMBERS = frozenset(
    {
        *("status", "ms", "bytes_in", "bytes_out", "stream"),
        *("input_tokens", "output_tokens", "cost"),
        *("first_token_ms", "upstream_ms", "queue_ms", "store_ms", "tools_ms", "rounds", "retries"),
    }
)
HARMLESS = OWN_WORDS | NUMBERS
# Names that are remembered to hold no credential, and the characters of one.
MOST_CLEAN, LONGEST_CLEAN = 500, 100
# A line for a person begins with these.
IN_FRONT = ("method", "route", "status")


def for_a_person(form: str) -> bool:
    """Whether `form` (auto, console or json) means lines for a person."""
    return form == "console" or (form == "auto" and sys.stderr.isatty())


def ending(form: str) -> Sequence[Processor]:
    """Return what makes text of a line's fields; the last takes out what looks like a key."""
    if not for_a_person(form):
        return (JSONRenderer(serializer=_json), _redacted)
    console = ConsoleRenderer(
        colors=sys.stderr.isatty(),
        # The prettier ones show the values of variables: prompts and keys.
        exception_formatter=plain_traceback,
        sort_keys=False,
        timestamp_key="time",
        pad_event_to=0,
    )
    return (_for_a_person, console, _redacted)


def request_line(form: str) -> Callable[[MutableMapping[str, Any]], bytes]:
    """Return what writes the line of a request, as JSON without the detours: there are many."""
    return (
        partial(_written, tuple(ending(form))) if for_a_person(form) else partial(_request, set())
    )


def configure(form: str, level: str, plugins: Iterable[str] = ()) -> None:
    """Set up logging and structlog: `form` is auto, console or json, `level` the least that is said.

    `plugins` names the packages whose loggers say as much as the gateway's own. All others say no
    more than information: libraries, at the level below, write keys and whole prompts.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_with_extra],
            processors=[_headed, StackInfoRenderer(), format_exc_info, *ending(form)],
        )
    )
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.root.addHandler(handler)
    logging.root.setLevel(max(least, logging.INFO))
    for name in (OURS, *plugins):
        logging.getLogger(name).setLevel(least)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    # Not asked for on any line, and each takes a look-up for every record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _with_extra(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Add what a call of `logging` gave as `extra`."""
    record = line["_record"]
    line.update((name, value) for name, value in vars(record).items() if name not in STANDARD)
    return line


def _headed(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Put in front what every line has, and whose work it was; what the call said goes first."""
    record: logging.LogRecord = line.pop("_record")
    line.pop("_from_structlog")
    context = CURRENT.get()
    return {
        "time": _time(record.created),
        "level": record.levelname.lower(),
        "event": line.pop("event"),
        "logger": record.name,
        **(context.fields() if context is not None else {}),
        **({"worker": vars(record)["worker"]} if "worker" in vars(record) else {}),
        **line,
    }


def _for_a_person(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Put the time of this place, and what a request asked for, in front; nothing moves the cursor."""
    for name, value in line.items():
        if isinstance(value, str) and name != "exception" and not value.isprintable():
            line[name] = value.encode("unicode_escape").decode()
    moment = datetime.fromisoformat(line["time"]).astimezone()
    line["time"] = moment.strftime("%H:%M:%S")
    if "route" in line:
        line["event"] = " ".join(str(line.pop(name)) for name in IN_FRONT)
    return line


def _json(line: EventDict, default: Callable[[object], object]) -> str:
    """Return JSON of whatever there is: a stranger's values are shown as Python writes them."""
    try:
        return compact(line).decode()
    except (TypeError, ValueError, RecursionError):
        return compact({str(name): _plain(value, default) for name, value in line.items()}).decode()


def _plain(value: object, default: Callable[[object], object]) -> object:
    try:
        compact(value)
    except (TypeError, ValueError, RecursionError):
        return str(default(value))
    return value


def _redacted(_logger: object, _method: str, text: EventDict) -> str:
    return redacted(cast("str", text))


def _request(clean: set[str], line: EventDict) -> bytes:
    """Write the line of a request. Only what others may have named can look like a key.

    `clean` are a few names of those who ask, and of what they ask for, that hold no credential: they come
    again and again.
    """
    for name in filterfalse(HARMLESS.__contains__, line):
        value = line[name]
        # What is one word is no credential, and so are most ids.
        if type(value) is str and value not in clean and not value.isidentifier():
            line[name] = shown = redacted(value)
            if shown == value and len(clean) < MOST_CLEAN and len(value) <= LONGEST_CLEAN:
                clean.add(value)
    return compact(line) + b"\n"


def _written(processors: Sequence[Processor], line: EventDict) -> bytes:
    made: Any = line
    for process in processors:
        made = process(None, "", made)
    return f"{made}\n".encode(errors="replace")


def of_worker(index: int) -> None:
    """Have every line name the worker that writes it, of several."""

    def name(record: logging.LogRecord) -> bool:
        record.worker = index
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(name)


def _time(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
