"""`claude-gateway serve`."""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from claude_gateway.cli.banner import banner
from claude_gateway.cli.private_files import close_to_others
from claude_gateway.cli.reach import check_reach, has_issued
from claude_gateway.cli.start import prepare
from claude_gateway.defaults import settings as names
from claude_gateway.defaults import tls_settings
from claude_gateway.errors import SettingsError
from claude_gateway.plugins import Plugins
from claude_gateway.settings import Setting, Settings
from claude_gateway.web.sockets import listen

if TYPE_CHECKING:
    from claude_gateway.web.gateway import Gateway

Announce: TypeAlias = Callable[[Mapping[str, int]], None]

OPTIONS: Mapping[str, Setting[object]] = {
    "host": names.GATEWAY_HOST,
    "port": names.PORT,
    "data_dir": names.GATEWAY_DATA_DIR,
    "workspace": names.WORKSPACE_DIR,
    "tls_cert": tls_settings.TLS_CERT,
    "tls_key": tls_settings.TLS_KEY,
    "workers": names.WORKERS,
}


@click.command()
@click.option("--host", help="Address to listen on. [GATEWAY_HOST]")
@click.option("--port", help="Port to listen on; 0 takes any free one. [PORT]")
@click.option("--data-dir", help="Where the gateway keeps what it stores. [GATEWAY_DATA_DIR]")
@click.option("--workspace", help="Folder that projects live in. [WORKSPACE_DIR]")
@click.option("--tls-cert", help="Certificate to speak https with. [GATEWAY_TLS_CERT]")
@click.option("--tls-key", help="Its private key. [GATEWAY_TLS_KEY]")
@click.option(
    "--workers", help="How many processes serve; auto: one a processor. [GATEWAY_WORKERS]"
)
def serve(**options: str | None) -> None:
    """Start the gateway. Settings come from the environment and from .env; options win."""
    settings, plugins = prepare({OPTIONS[name].name: value for name, value in options.items()})
    # structlog takes a while to load: a mistake above is told before that.
    from claude_gateway.cli.serving import configure_log  # noqa: PLC0415

    configure_log(settings, plugins)
    for key in (names.GATEWAY_DATA_DIR, names.WORKSPACE_DIR):
        writable(key, settings)
    close_to_others(settings[names.GATEWAY_DATA_DIR])
    check_certificate(settings)
    check_reach(settings, partial(has_issued, settings, plugins))
    sock = bound(listen, settings)
    port = sock.getsockname()[1]

    def announce(counts: Mapping[str, int]) -> None:
        click.echo(banner(settings, port, counts))
        sys.stdout.flush()

    if settings[names.WORKERS] > 1:
        sys.exit(_several(settings, sock, announce))
    _one(settings, plugins, sock, announce)


def _one(settings: Settings, plugins: Plugins, sock: socket.socket, announce: Announce) -> None:
    gc.disable()  # what is made now stays; `server.serve` lets the collector work when it is all there
    try:
        # Loading aiohttp takes most of the start.
        from claude_gateway.cli.serving import access_log, counts_of, run  # noqa: PLC0415
        from claude_gateway.web import server  # noqa: PLC0415

        def ready(gateway: Gateway) -> None:
            announce(counts_of(gateway))

        run(server.serve(settings, plugins, server.Doors(sock), ready, access_log(settings)))
    finally:
        gc.enable()


def _several(settings: Settings, sock: socket.socket, announce: Announce) -> int:
    from claude_gateway.cli import workers  # noqa: PLC0415  # asyncio takes a while to load

    try:
        return workers.serve_together(settings, sock, announce)
    except workers.Unstarted:
        click.echo("claude-gateway: a worker died while it started.", err=True)
        return 1


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
