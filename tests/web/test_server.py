"""Serving: production flags, draining, listening, and what counts as this machine."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claude_gateway import Observer, Offer, PluginError, Settings, hookimpl
from claude_gateway.defaults import settings as names
from claude_gateway.errors import SettingsError
from claude_gateway.plugins import load
from claude_gateway.registry import Registry
from claude_gateway.testing.raw import Connection, chat_body, refused, request
from claude_gateway.web import building, server
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.building import build_gateway
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.server import Doors, drain
from claude_gateway.web.sockets import BACKLOG, listen

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving
    from tests.web.conftest import Run

STREAM = request("POST", "/v1/chat/completions", chat_body(model="m", stream=True))


def built(**environment: str) -> Gateway:
    return build_gateway(Settings.read(environment, names.ALL), Registry())


def test_a_table_that_speaks_of_what_nobody_serves_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("[aliases]\nbest = 'gpt-9'")
    with pytest.raises(SettingsError, match=r"GATEWAY_MODELS_FILE: .*alias 'best': no backend"):
        built(GATEWAY_MODELS_FILE=str(file))


async def until_open(fake: Scripted) -> None:
    async with asyncio.timeout(2):
        while not fake.open:
            await asyncio.sleep(0.001)


async def test_it_serves_until_it_is_told_to_stop(run: Run, scripted: type[Scripted]) -> None:
    async with run(scripted()) as running:
        assert (await running.ask("GET", "/readiness")).json == {"ready": True}
        running.terminate()
        await running.stopped()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
    assert [line["route"] for line in running.lines] == ["/readiness"]


async def test_a_client_that_leaves_stops_a_silent_backend_at_once(
    run: Run, scripted: type[Scripted]
) -> None:
    fake = scripted([asyncio.Event()])
    async with run(fake) as running:
        async with Connection(running.port) as connection:
            await connection.send(STREAM)
            await until_open(fake)
        async with asyncio.timeout(1):
            await fake.closed.wait()


async def test_a_running_answer_is_finished_after_the_signal_and_nobody_else_is_let_in(
    run: Run, scripted: type[Scripted]
) -> None:
    go = asyncio.Event()
    script = scripted.saying("Hel", "lo")
    fake = scripted([*script[:3], go, *script[3:]])
    async with run(fake) as running, Connection(running.port) as connection:
        await connection.send(STREAM)
        await until_open(fake)
        running.terminate()
        async with asyncio.timeout(2):
            while not running.gateway.draining:
                await asyncio.sleep(0.001)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
        go.set()
        answer = await connection.response()
        assert answer.frames[-1] == b"data: [DONE]\n\n"
        assert b"shutting_down" not in answer.body
        await running.stopped()


async def test_an_answer_that_takes_too_long_is_told_so(run: Run, scripted: type[Scripted]) -> None:
    fake = scripted([*scripted.saying("Hel")[:3], asyncio.Event()])
    async with (
        run(fake, GATEWAY_SHUTDOWN_TIMEOUT="0.2") as running,
        Connection(running.port) as connection,
    ):
        await connection.send(STREAM)
        await until_open(fake)
        running.terminate()
        answer = await connection.response()
        await running.stopped()
    assert b'"code":"shutting_down"' in answer.frames[-2]
    assert answer.frames[-1] == b"data: [DONE]\n\n"
    assert fake.open == 0


async def test_an_answer_that_has_not_begun_is_refused_with_a_status(
    run: Run, scripted: type[Scripted]
) -> None:
    fake = scripted([asyncio.Event()])
    async with (
        run(fake, GATEWAY_SHUTDOWN_TIMEOUT="0.2") as running,
        Connection(running.port) as connection,
    ):
        await connection.send(STREAM)
        await until_open(fake)
        running.terminate()
        refused(await connection.response(), 503, "shutting_down")
        await running.stopped()


async def test_while_it_drains_it_is_not_ready_and_says_when_to_come_back(
    serving: Serving,
) -> None:
    async with serving() as app:
        app.gateway.draining = True
        answer = await app.ask("GET", "/readiness")
        refused(answer, 503, "shutting_down")
        assert answer.header("retry-after") == "5"
        assert (await app.ask("GET", "/health")).json["ok"] is False


async def test_draining_an_idle_gateway_takes_no_time() -> None:
    gateway = built()
    began = time.monotonic()
    await drain(gateway, 30)
    assert time.monotonic() - began < 0.5
    assert gateway.interrupting


async def test_draining_does_not_wait_for_ever_for_those_who_do_not_listen() -> None:
    gateway = built()
    go = asyncio.Event()

    async def stubborn() -> None:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    task: asyncio.Task[object] = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    gateway.live |= {task, None}
    began = time.monotonic()
    await drain(gateway, 0.2)
    assert 0.1 < time.monotonic() - began < 1
    go.set()
    await task


async def test_a_request_that_comes_while_draining_is_waited_for_too() -> None:
    gateway = built()

    async def second() -> None:
        await asyncio.sleep(0.02)

    async def first() -> None:
        gateway.live.discard(asyncio.current_task())
        gateway.live.add(last)

    last: asyncio.Task[object] = asyncio.create_task(second())
    last.add_done_callback(gateway.live.discard)
    gateway.live.add(asyncio.create_task(first()))
    await drain(gateway, 5)
    assert last.done()
    assert not last.cancelled()


async def test_a_plugin_that_cannot_be_opened_stops_the_start_and_frees_the_port() -> None:
    class Bad:
        @hookimpl
        def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
            return [Offer("bad", self.opened)]

        def opened(self) -> AbstractAsyncContextManager[Observer]:
            raise OSError("no disk")

    sock = listen("127.0.0.1", 0)
    plugins = load(("bad", Bad()), discover=False)
    settings = Settings.read({}, names.ALL)
    with pytest.raises(PluginError, match="plugin bad cannot open 'bad': OSError: no disk"):
        await server.serve(settings, plugins, Doors(sock), pytest.fail, AccessLog(repr, bool))  # type: ignore[arg-type]
    assert sock.fileno() == -1
    loop = asyncio.get_running_loop()
    assert loop.remove_signal_handler(signal.SIGTERM)


async def test_what_start_up_made_is_kept_from_the_collector(
    run: Run, scripted: type[Scripted]
) -> None:
    async with run(scripted()):
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > 10_000


async def test_a_connection_that_comes_when_the_server_is_gone_is_refused(
    serving: Serving,
) -> None:
    class Gone:
        server = None

    connect = server._connections(Gone(), built().settings)  # type: ignore[arg-type]
    with pytest.raises(ConnectionAbortedError):
        connect()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_listening_binds_the_port(host: str) -> None:
    with listen(host, 0) as sock:
        assert sock.getsockname()[0] == host
        port = sock.getsockname()[1]
        sock.listen(BACKLOG)
        with pytest.raises(OSError, match="in use"):
            listen(host, port)


def test_a_port_can_be_taken_again_at_once() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    with listen("127.0.0.1", port) as sock:
        assert sock.getsockname()[1] == port


@pytest.mark.parametrize("host", ["127.0.0.300", "no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_cannot_be_listened_on(host: str) -> None:
    with pytest.raises(OSError, match=r".+"):
        listen(host, 0)


def test_this_machines_own_names_are_answered() -> None:
    door = built(GATEWAY_ALLOWED_HOSTS="Box.Example").door
    own = socket.gethostname().lower()
    for name in (own, f"{own.partition('.')[0]}.local", "box.example"):
        assert door.check_host(name) == name


@pytest.mark.parametrize(
    ("environment", "demo"),
    [
        ({}, True),
        ({"ANTHROPIC_API_KEY": "sk-ant-x"}, False),
        ({"ANTHROPIC_API_KEYS": "sk-ant-x,sk-ant-y"}, False),
        ({"ANTHROPIC_AUTH_TOKEN": "t"}, False),
    ],
    ids=["nothing", "key", "keys", "token"],
)
def test_without_a_key_of_its_own_it_is_a_demo(environment: dict[str, str], demo: bool) -> None:
    assert built(**environment).demo is demo


ROUTES = "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t010011AC\t0003\n"


@pytest.mark.parametrize(
    ("published_on", "bridge"),
    [("", None), ("127.0.0.1", "172.17.0.1"), ("::1", "172.17.0.1"), ("0.0.0.0", None)],
)
def test_the_bridge_is_local_only_while_the_port_is_published_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published_on: str, bridge: str | None
) -> None:
    table = tmp_path / "route"
    table.write_text(ROUTES)
    monkeypatch.setattr(building, "ROUTE_TABLE", table)
    assert building._bridge(published_on) == bridge


def test_where_there_is_no_route_table_there_is_no_bridge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "ROUTE_TABLE", tmp_path / "none")
    assert building._bridge("127.0.0.1") is None
