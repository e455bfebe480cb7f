"""`serve`: what stops it before anything is opened, and one whole life of it."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from claude_gateway import Settings
from claude_gateway.cli.serve import bound, writable
from claude_gateway.cli.serving import run, write_log
from claude_gateway.defaults import settings as names
from claude_gateway.errors import SettingsError
from claude_gateway.web.sockets import listen

with suppress(ImportError):
    import uvloop  # noqa: F401  # loaded before a test empties the import path

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Site

# Asks the gateway to stop soon after it has started.
BRIEF = """
import asyncio, os, signal
from contextlib import asynccontextmanager

class Brief:
    models = (ModelInfo("m"), ModelInfo("n"))

    async def stream(self, request):
        yield Ping()

@asynccontextmanager
async def opened():
    loop = asyncio.get_running_loop()
    print("on", type(loop).__module__.partition(".")[0])
    loop.call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
    yield Brief()

class Plugin:
    @hookimpl
    def register_model_backends(self, settings):
        return [Offer("brief", opened)]

plugin = Plugin()
"""


def settings(**environment: str) -> Settings:
    return Settings.read(environment, names.ALL)


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_it_serves_says_so_and_ends_well(
    site: Site, command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    if loop == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    elif "uvloop" not in sys.modules:
        pytest.skip("there is no uvloop on this system")
    site.install("brief", BRIEF)
    done = command("serve", "--port", "0", "--data-dir", "d", GATEWAY_PLUGINS_ALLOW="brief")
    assert done.code == 0
    assert f"on {loop}" in done.out
    assert "listening on http://127.0.0.1:" in done.out
    assert "backends   brief (2 models)" in done.out
    assert "Traceback" not in done.err
    assert (folder / "d").is_dir()


def test_a_flag_that_is_wrong_is_told_like_a_setting(command: Command) -> None:
    done = command("serve", "--port", "eighty", "--host", "0.0.0.0")
    assert (done.code, done.out) == (2, "")
    assert done.err == "claude-gateway: PORT: wants a whole number from 0 to 65535, not 'eighty'.\n"


@pytest.mark.usefixtures("process")
def test_a_port_in_use_is_one_sentence(site: Site, command: Command) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        done = command("serve", "--port", str(port))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"claude-gateway: port {port} on 127.0.0.1 is taken by another program; "
        "stop that one, or choose another with PORT.\n"
    )


def refusing(error: Exception) -> Callable[[str, int], socket.socket]:
    def listen(host: str, port: int) -> socket.socket:
        raise error

    return listen


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EADDRINUSE, "x"), "port 80 on here is taken by another program"),
        (OSError(errno.EACCES, "x"), "is not allowed for this user; choose one above 1023"),
        (OSError(errno.EADDRNOTAVAIL, "No such address"), "cannot be used: No such address"),
        (socket.gaierror(-2, "Name unknown"), "cannot be used: Name unknown"),
        (OSError("odd"), "cannot be used: odd"),
        (TypeError("encoding of hostname failed"), "cannot be used: encoding of hostname failed"),
    ],
    ids=["taken", "privileged", "not ours", "no name", "odd", "no host"],
)
def test_why_a_port_cannot_be_had_is_told(error: Exception, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        bound(refusing(error), settings(GATEWAY_HOST="here", PORT="80"))


def test_a_host_that_no_name_can_be_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        bound(listen, settings(GATEWAY_HOST="ü" * 70, PORT="0"))


def test_a_port_that_can_be_had_is() -> None:
    with bound(listen, settings(PORT="0")) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/dev/null/x", "/proc/x", "file/x"])
def test_a_folder_that_cannot_be_written_to_is_named(folder: Path, path: str) -> None:
    (folder / "file").touch()
    with pytest.raises(SettingsError, match=r"WORKSPACE_DIR: /.*x cannot be written to \(.+\)"):
        writable(names.WORKSPACE_DIR, settings(WORKSPACE_DIR=path))


def test_a_folder_is_made_with_its_parents_and_left_empty(folder: Path) -> None:
    for _ in range(2):
        writable(names.WORKSPACE_DIR, settings(WORKSPACE_DIR="a/b/c"))
    assert list((folder / "a/b/c").iterdir()) == []


def test_the_data_folder_is_made_for_its_user_alone(folder: Path) -> None:
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(key, settings(GATEWAY_DATA_DIR="data", WORKSPACE_DIR="work"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes["data"] == 0o700
    assert modes["work"] & 0o700 == 0o700


def test_the_log_goes_to_standard_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(raw)))
    write_log(b'{"a":1}\n')
    assert json.loads(raw.getvalue()) == {"a": 1}


def test_a_log_that_nobody_reads_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, lines: bytes) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=Gone()))
    write_log(b"line\n")


def test_what_is_served_runs_to_its_end() -> None:
    ended: list[str] = []

    async def serving() -> None:
        await asyncio.sleep(0)
        ended.append("well")

    run(serving())
    assert ended == ["well"]
