"""`claude-gateway top`: the real command, in front of a real gateway, in a real terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import click
import pytest
from claude_gateway_prometheus.commands import here
from claude_gateway_prometheus.top.readings import Labels, Reading, quantile

from claude_gateway import Settings
from claude_gateway.cli.start import known_settings
from claude_gateway.defaults import Defaults
from claude_gateway.plugins import load
from claude_gateway.testing import FakeAnthropic, GatewayProcess, Stream
from claude_gateway.testing.raw import ask, chat_body
from claude_gateway.testing.wire import MODEL, text_stream

CHAT = "/v1/chat/completions"
KEY = "gw-top"
HEADERS = {"x-api-key": KEY}
KNOWN = known_settings(load(("defaults", Defaults()), discover=False))


@asynccontextmanager
async def gateway() -> AsyncGenerator[tuple[GatewayProcess, FakeAnthropic]]:
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-key",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_API_KEYS": KEY,
        }
        async with GatewayProcess(env) as process:
            yield process, upstream


async def start(output: int, *arguments: str, **environment: str) -> Process:
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "120", "LINES": "50"}
    command = (sys.executable, "-m", "claude_gateway", "top", *arguments)
    return await asyncio.create_subprocess_exec(
        *command, stdout=output, stderr=STDOUT, env={**env, **environment}
    )


async def run(*arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await start(PIPE, *arguments, **environment)
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def until(master: int, words: str) -> str:
    """Read a terminal until it shows these words."""
    shown = b""
    async with asyncio.timeout(20):
        while words.encode() not in shown:
            shown += await asyncio.to_thread(os.read, master, 65536)
    return shown.decode(errors="replace")


async def watched_while_busy(process: GatewayProcess) -> str:
    """Print a frame while turns go on, from before it looks until it has looked twice."""
    watching = asyncio.create_task(run("--once", "--url", process.url, API_KEY=KEY))
    while not watching.done():
        assert (await ask(process.port, "POST", CHAT, chat_body(), HEADERS)).status == 200
    code, shown = await watching
    assert code == 0, shown
    return shown


async def test_one_frame_shows_what_goes_on() -> None:
    async with gateway() as (process, upstream):
        hold = asyncio.Event()
        beginning, *end = text_stream("Hello")
        upstream.script(Stream([beginning, hold, *end]))
        session = (await ask(process.port, "POST", "/v1/sessions", {}, HEADERS)).json["id"]
        body = chat_body(session_id=session, stream=True)
        turn = asyncio.create_task(ask(process.port, "POST", CHAT, body, HEADERS))
        await upstream.wait_turns(1)
        shown = await watched_while_busy(process)
        hold.set()
        turn.cancel()
    figures = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.split()}
    assert figures["streams"] == ["1"]
    assert float(figures["requests"][0].removesuffix("/s")) > 1
    assert float(figures["output"][0]) > 1
    assert float(figures[CHAT][0]) > 1
    assert int(figures[MODEL][0]) > 1
    assert figures["first"][2].startswith("0.")
    assert "slowest kept runs" in shown
    assert [line for line in shown.splitlines() if line.strip().startswith("run_")]
    assert figures["open"] == ["circuits:", "none"]
    assert "\x1b" not in shown


async def test_a_key_that_is_wrong_or_a_gateway_that_is_away_is_said_in_a_sentence() -> None:
    async with gateway() as (process, _):
        url = process.url
        code, shown = await run("--once", "--interval", "0.1", "--url", url, "--key", "gw-canary")
        assert (code, "answers 401; is the key right?" in shown) == (1, True)
    code, shown = await run("--once", "--interval", "0.1", BASE_URL=url)
    assert (code, "cannot be read" in shown) == (1, True)
    assert "gw-canary" not in shown
    assert "Traceback" not in shown
    code, shown = await run("--url", "file:///etc/passwd")
    assert (code, "wants an address" in shown) == (2, True)


async def test_it_goes_on_while_the_gateway_is_away_and_ctrl_c_ends_it_well() -> None:
    master, slave = pty.openpty()
    try:
        async with gateway() as (process, _):
            arguments = ("--interval", "0.2", "--url", process.url)
            top = await start(slave, *arguments, API_KEY=KEY)
            await until(master, "first token")
        await until(master, "away:")
        assert top.returncode is None
        top.send_signal(signal.SIGINT)
        shown = await until(master, "\x1b[?1049l")  # the screen of before is back
        assert await top.wait() == 0
        assert "Traceback" not in shown
    finally:
        os.close(slave)
        os.close(master)


def test_a_counter_that_fell_has_begun_anew() -> None:
    labels = (("status", "200"),)
    before = Reading(10.0, {"n_total": {labels: 100.0}})
    for value, grown in ((103.0, 3.0), (2.0, 2.0)):
        change = Reading(12.0, {"n_total": {labels: value}}).since(before)
        assert (change.at, change.total("n_total")) == (2.0, grown)
    new = Reading(12.0, {"other_total": {labels: 7.0}}).since(before)
    assert new.by("other_total", "status") == {"200": 7.0}


@pytest.mark.parametrize(
    ("counts", "share", "wanted"),
    [
        ((0, 10, 10), 0.5, 1.5),  # halfway through the second bucket
        ((10, 10, 10), 1.0, 1.0),
        ((0, 0, 4), 0.95, 2.0),  # beyond the last bound
        ((0, 0, 0), 0.5, None),
    ],
)
def test_a_quantile_is_reckoned_as_prometheus_does(
    counts: tuple[float, float, float], share: float, wanted: float | None
) -> None:
    bounds = zip(("1.0", "2.0", "+Inf"), counts, strict=True)
    buckets: dict[Labels, float] = {
        (("le", bound), ("model", "m")): float(count) for bound, count in bounds
    }
    reading = Reading(1.0, {"x_bucket": buckets})
    assert quantile(reading, "x", share, model="m") == wanted
    assert quantile(reading, "x", share, model="another") is None


async def test_the_address_is_that_of_the_settings_unless_something_else_is_said() -> None:
    async with gateway() as (process, _):
        for settings in (
            {"PORT": f"{process.port}"},
            {"GATEWAY_HOST": "0.0.0.0", "PORT": f"{process.port}"},
        ):
            code, shown = await run("--once", API_KEY=KEY, **settings)
            assert code == 0, shown
            assert f"127.0.0.1:{process.port}" in shown
        code, shown = await run("--once", API_KEY=KEY, PORT="1", BASE_URL=process.url)
        assert code == 0, shown


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"GATEWAY_HOST": "::", "PORT": "81"}, "http://[::1]:81"),
        ({"GATEWAY_HOST": "192.168.1.5"}, "http://192.168.1.5:8000"),
    ],
)
def test_where_a_gateway_is_follows_from_its_settings(
    settings: Mapping[str, str], where: str
) -> None:
    assert here(Settings.read(settings, KNOWN)) == where


def test_any_free_port_is_no_address() -> None:
    with pytest.raises(click.UsageError, match="--url"):
        here(Settings.read({"PORT": "0"}, KNOWN))
