"""Log lines are an event and its fields, for a machine or for a person, whoever writes them."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import structlog

from claude_gateway.cli.logs import configure, for_a_person, request_line
from claude_gateway.context import CURRENT, Context, begin_run

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


class Screen(io.StringIO):
    terminal = False

    def isatty(self) -> bool:
        return self.terminal


@dataclass
class Log:
    """What was written, once the log has been set up by `configure`."""

    screen: Screen
    configure: Callable[..., None]

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.screen.getvalue().splitlines()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    screen = Screen()
    every = [
        logging.root,
        *map(logging.getLogger, ("claude_gateway", "aiohttp", "asyncio", "parrot")),
    ]
    levels = {logger: logger.level for logger in every}
    flags = ("logThreads", "logProcesses", "logMultiprocessing")

    def configured(form: str, level: str, plugins: Sequence[str] = ()) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", screen)
            configure(form, level, plugins)

    for flag in flags:
        monkeypatch.setattr(logging, flag, True)
    yield Log(screen, configured)
    for handler in [h for h in logging.root.handlers if getattr(h, "stream", None) is screen]:
        logging.root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)
    structlog.reset_defaults()
    CURRENT.set(None)


def ours() -> logging.Logger:
    return logging.getLogger("claude_gateway.x")


def test_a_machine_gets_one_object_a_line(log: Log) -> None:
    log.configure("json", "info")
    ours().warning("run %s", "ended", extra={"model": "m", "ms": 1.5})
    (line,) = log.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
    assert line == {
        "level": "warning",
        "event": "run ended",
        "logger": "claude_gateway.x",
        "model": "m",
        "ms": 1.5,
    }


def test_a_machine_gets_a_traceback_in_the_same_line(log: Log) -> None:
    log.configure("json", "info")
    try:
        raise ValueError("why")
    except ValueError:
        ours().exception("it failed")
    (line,) = log.lines
    assert str(line["exception"]).endswith("ValueError: why")


def test_a_person_gets_name_and_value_and_a_traceback_below(log: Log) -> None:
    log.configure("console", "info")
    try:
        secret = "CANARY"  # noqa: F841  # what no traceback may show
        raise ValueError("why")
    except ValueError:
        ours().exception("run ended", extra={"model": "m", "ms": 1.5})
    first, *rest = log.screen.getvalue().splitlines()
    assert re.match(r"\d\d:\d\d:\d\d \[error +\] run ended", first)
    assert "model=m" in first
    assert "ms=1.5" in first
    assert rest[-1] == "ValueError: why"
    assert 'secret = "CANARY"' not in rest[-2]
    assert "'CANARY'" not in log.screen.getvalue()


def test_a_person_s_terminal_obeys_no_line(log: Log) -> None:
    log.configure("console", "info")
    ours().info("two\nlines", extra={"name_of": "\x1b[2Jgone"})
    (line,) = log.screen.getvalue().splitlines()
    assert "two\\nlines" in line
    assert "\x1b" not in line


def test_a_stranger_s_values_never_lose_a_line(log: Log) -> None:
    log.configure("json", "info")
    ours().info("odd", extra={"thing": {1}, "big": 2**70, "half": "\ud800", "key": b"sk-ant-own"})
    (line,) = log.lines
    assert (line["thing"], line["big"], line["half"]) == ("{1}", 2**70, "\ufffd")
    assert "own" not in str(line)


def test_s11_keys_are_taken_out_of_every_line_whoever_writes_it(log: Log) -> None:
    log.configure("json", "info", ["parrot"])
    key = "sk-ant-api03-CANARY"
    ours().warning("bad %s", key, extra={"header": f"Bearer {key}"})
    logging.getLogger("parrot.x").error("bad %s", key)
    structlog.get_logger("parrot.y").error("bad", key=key)
    try:
        raise ValueError(key)
    except ValueError:
        logging.getLogger("some.library").exception("failed")
    written = log.screen.getvalue()
    assert len(log.lines) == 4
    assert "CANARY" not in written
    assert written.count("sk-***") >= 4
    assert b"CANARY" not in request_line("json")({**LINE, "request_id": key})
    assert b"CANARY" not in request_line("console")({**LINE, "request_id": key})


def test_those_who_use_structlog_themselves_are_written_the_same_way(log: Log) -> None:
    log.configure("json", "info", ["parrot"])
    structlog.get_logger("parrot.beak").warning("said %s", "hello", loud=True)
    structlog.get_logger("parrot.beak").debug("not this")
    (line,) = log.lines
    assert {
        "level": "warning",
        "event": "said hello",
        "logger": "parrot.beak",
    }.items() <= line.items()
    assert line["loud"] is True


def test_every_line_says_whose_work_it_was(log: Log) -> None:
    log.configure("json", "info")
    ours().info("nobody's")
    CURRENT.set(Context("req_1", principal="owner"))
    ours().info("a request's")
    ours().info("said otherwise", extra={"request_id": "req_2"})
    begin_run("run_1", "req_1", "owner")
    ours().info("a run's")
    said = [[line.get(name) for name in ("request_id", "principal", "run")] for line in log.lines]
    assert said == [
        [None, None, None],
        ["req_1", "owner", None],
        ["req_2", "owner", None],
        ["req_1", "owner", "run_1"],
    ]


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
    screen = Screen()
    screen.terminal = terminal
    monkeypatch.setattr(sys, "stderr", screen)
    assert for_a_person(form) is person


def test_the_line_of_a_request_is_json_or_short() -> None:
    written = request_line("json")(dict(LINE))
    assert json.loads(written) == LINE
    assert written.endswith(b"}\n")
    said = request_line("console")(dict(LINE)).decode()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[info +\] GET /health 200 +request_id=req_1 ms=1\.5\n", said
    )


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("debug", ["a", "b", "c", "d", "e", "f"]),
        ("info", ["b", "c", "d", "e", "f"]),
        ("warning", ["c", "d", "e", "f"]),
        ("error", ["d"]),
        ("critical", []),
    ],
)
def test_the_level_is_the_least_that_is_said_and_libraries_are_quieter(
    log: Log, level: str, said: list[str]
) -> None:
    log.configure("json", level, ["parrot"])
    ours().debug("a")
    logging.getLogger("parrot").info("b")
    logging.getLogger("parrot").warning("c")
    ours().error("d")
    logging.getLogger("aiohttp.server").warning("e")
    logging.getLogger("aiohttp.server").info("noise")
    logging.getLogger("asyncio").debug("noise")
    logging.getLogger("some.library").warning("f")
    logging.getLogger("some.library").debug("noise")
    assert [line["event"] for line in log.lines] == said


@pytest.mark.parametrize("field", ["model", "request_id", "principal", "something new"])
def test_s6_a_key_is_masked_in_every_line_however_often_it_comes(field: str) -> None:
    write = request_line("json")
    key, plain = "sk-ant-api03-CANARYCANARY", "claude-opus-4-8"
    for value in (plain, key, plain, key):
        written = json.loads(write({**LINE, field: value}))
        assert written[field] == (plain if value == plain else "sk-***")


def test_s6_names_are_remembered_as_harmless_only_so_many_and_not_with_another_sign() -> None:
    write = request_line("json")
    for i in range(1_000):
        assert f'"model":"m-{i}"'.encode() in write({**LINE, "model": f"m-{i}"})
        assert b"CANARY" not in write({**LINE, "model": f"m-{i} sk-CANARYCANARY"})
