"""Log lines are an event and its fields, for a machine or for a person."""

from __future__ import annotations

import io
import json
import logging
import re
import sys

import pytest

from claude_gateway.cli.logs import (
    Console,
    JsonLines,
    configure,
    console_line,
    fields,
    for_a_person,
    json_line,
)

LINE: dict[str, object] = {
    "time": "2026-01-02T03:04:05.678Z",
    "level": "info",
    "event": "request",
    "request_id": "req_1",
    "method": "GET",
    "route": "/health",
    "status": 200,
    "ms": 1.5,
}


def record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": "run %s", "args": ("ended",), "levelname": "WARNING", "created": 0.5, **extra}
    )


def failed() -> logging.LogRecord:
    try:
        raise ValueError("why")
    except ValueError:
        return record(exc_info=sys.exc_info())


def test_a_machine_gets_one_object_a_line() -> None:
    line = JsonLines().format(record(model="m", ms=1.5))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "warning",
        "event": "run ended",
        "model": "m",
        "ms": 1.5,
    }


def test_a_machine_gets_a_traceback_in_the_same_line() -> None:
    line = JsonLines().format(failed())
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ValueError: why")


def test_a_person_gets_name_and_value() -> None:
    line = Console().format(record(model="m", ms=1.5))
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning run ended model=m ms=1\.5", line)
    assert Console().format(record()).endswith("run ended")


def test_a_person_gets_a_traceback_below() -> None:
    first, *rest = Console().format(failed()).splitlines()
    assert first.endswith("run ended")
    assert rest[-1] == "ValueError: why"


def test_only_what_came_with_the_call_is_a_field() -> None:
    assert fields(record()) == {}
    assert fields(record(taskName="t", message="m", x=None)) == {"x": None}


@pytest.mark.parametrize(
    ("form", "terminal", "person"),
    [
        ("console", False, True),
        ("json", True, False),
        ("auto", True, True),
        ("auto", False, False),
    ],
)
def test_the_form_fits_the_reader(
    monkeypatch: pytest.MonkeyPatch, form: str, terminal: bool, person: bool
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr(sys, "stderr", Screen())
    assert for_a_person(form) is person


def test_a_line_of_the_access_log_is_json_or_short() -> None:
    assert json.loads(json_line(LINE)) == LINE
    assert json_line(LINE).endswith(b"}\n")
    assert console_line(LINE) == b"03:04:05 GET /health 200 ms=1.5 req_1\n"


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(("debug", "events"), [(False, ["event"]), (True, ["event", "detail"])])
def test_logs_go_to_standard_error_and_foreign_ones_are_quieter(
    monkeypatch: pytest.MonkeyPatch, debug: bool, events: list[str]
) -> None:
    screen = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(logging.root, "handlers", [])
        patched.setattr(sys, "stderr", screen)
        configure("json", debug=debug)
        logging.getLogger("claude_gateway.x").info("event", extra={"n": 1})
        logging.getLogger("claude_gateway.x").debug("detail")
        logging.getLogger("aiohttp.server").info("noise")
        logging.getLogger("asyncio").debug("noise")
    said = [json.loads(line) for line in screen.getvalue().splitlines()]
    assert [line["event"] for line in said] == events
    assert said[0]["n"] == 1
