"""`claude-gateway serve`."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from claude_gateway.cli.banner import banner
from claude_gateway.cli.reach import check_reach, has_issued
from claude_gateway.cli.start import prepare
from claude_gateway.defaults import settings as names
from claude_gateway.defaults import tls_settings
from claude_gateway.errors import SettingsError
from claude_gateway.settings import Setting, Settings

OPTIONS: Mapping[str, Setting[object]] = {
    "host": names.GATEWAY_HOST,
    "port": names.PORT,
    "data_dir": names.GATEWAY_DATA_DIR,
    "workspace": names.WORKSPACE_DIR,
    "tls_cert": tls_settings.TLS_CERT,
    "tls_key": tls_settings.TLS_KEY,
}


@click.command()
@click.option("--host", help="Address to listen on. [GATEWAY_HOST]")
@click.option("--port", help="Port to listen on; 0 takes any free one. [PORT]")
@click.option("--data-dir", help="Where the gateway keeps what it stores. [GATEWAY_DATA_DIR]")
@click.option("--workspace", help="Folder that projects live in. [WORKSPACE_DIR]")
@click.option("--tls-cert", help="Certificate to speak https with. [GATEWAY_TLS_CERT]")
@click.option("--tls-key", help="Its private key. [GATEWAY_TLS_KEY]")
def serve(**options: str | None) -> None:
    """Start the gateway. Settings come from the environment and from .env; options win."""
    settings, plugins = prepare({OPTIONS[name].name: value for name, value in options.items()})
    # structlog takes a while to load: a mistake above is told before that.
    from claude_gateway.cli.logs import configure, request_line  # noqa: PLC0415

    form = settings[names.LOG_FORMAT]
    level = "debug" if settings[names.DEBUG] else settings[names.LOG_LEVEL]
    configure(form, level, plugins.packages())
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(key, settings)
    check_certificate(settings)
    check_reach(settings, partial(has_issued, settings, plugins))
    # Loading aiohttp takes most of the start.
    from claude_gateway.web import server  # noqa: PLC0415
    from claude_gateway.web.access_log import AccessLog  # noqa: PLC0415
    from claude_gateway.web.gateway import Gateway  # noqa: PLC0415

    sock = bound(server.listen, settings)

    def ready(gateway: Gateway) -> None:
        counts: dict[str, int] = dict.fromkeys(gateway.backends, 0)
        for model in gateway.catalogue.models:
            counts[gateway.catalogue.resolve(model.id).backend.name] += 1
        click.echo(banner(settings, sock.getsockname()[1], counts))
        sys.stdout.flush()

    access_log = AccessLog(request_line(form), write_log, level)
    run(server.serve(settings, plugins, sock, ready, access_log))


def write_log(lines: bytes) -> None:
    """Write to standard error; nobody reading it is no reason to stop serving."""
    with suppress(OSError):
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()


def writable(key: Setting[Path], settings: Settings) -> None:
    """Make the folder if it is missing. Raises SettingsError when it cannot be used."""
    folder = settings[key].absolute()
    try:
        # What is stored is its owner's alone; what is worked on may be shared.
        mode = 0o700 if key is names.GATEWAY_DATA_DIR else 0o777
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise SettingsError(
            [f"{key.name}: {folder} cannot be written to ({exc.strerror}); choose another folder"]
        ) from exc


def check_certificate(settings: Settings) -> None:
    """Say what is wrong with the files of TLS before anything is opened. Raises SettingsError."""
    from claude_gateway.web import tls  # noqa: PLC0415  # loads OpenSSL, which few commands need

    if (files := tls.wanted(settings)) is not None:
        tls.load(files)


def bound(listen: Callable[[str, int], socket.socket], settings: Settings) -> socket.socket:
    """Bind, or say in one sentence why not."""
    host, port = settings[names.GATEWAY_HOST], settings[names.PORT]
    try:
        sock = listen(host, port)
    except (OSError, TypeError) as exc:  # TypeError: no name service would take such a host
        code = getattr(exc, "errno", None)
        if code == errno.EADDRINUSE:
            why = "is taken by another program; stop that one, or choose another with PORT"
        elif code == errno.EACCES:
            why = "is not allowed for this user; choose one above 1023 with PORT"
        else:
            why = f"cannot be used: {getattr(exc, 'strerror', None) or exc}"
        raise SettingsError([f"port {port} on {host} {why}"]) from exc
    else:
        return sock


def run(serving: Coroutine[object, object, None]) -> None:
    """Run on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415  # absent on Windows
    except ImportError:
        asyncio.run(serving)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)
