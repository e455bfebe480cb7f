"""One of several processes that serve together: `python -m claude_gateway.cli.worker`, started by `serve`.

Whoever started it sends one line of JSON through a socket, and is sent one back. When that socket closes, or
on Linux before that, the worker dies with it: nobody would be there to stop it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from claude_gateway.cli.serving import access_log, configure_log, counts_of, run
from claude_gateway.cli.start import known_settings, load_plugins
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.settings import Settings

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told. `public` and `private` are numbers of sockets that it has inherited."""

    parent: int
    index: int
    count: int
    public: int
    private: int
    folder: str
    variables: Mapping[str, str]

    def line(self) -> bytes:
        """Return them as they are sent."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    """Serve as one of them."""
    line = socket.socket(fileno=int(sys.argv[1]))
    with line.makefile("rb") as lines:
        orders = Orders(**json.loads(lines.readline()))
    _die_with(orders.parent)
    threading.Thread(target=_watch, args=(line,), daemon=True).start()
    try:
        _serve(orders, line)
    except SettingsError as exc:
        _say(line, {"mistakes": exc.mistakes})
    except PluginError as exc:
        _say(line, {"plugin": str(exc)})
    else:
        return
    sys.exit(1)


def _serve(orders: Orders, line: socket.socket) -> None:
    plugins = load_plugins(orders.variables)
    settings = Settings.read(orders.variables, known_settings(plugins))
    settings = settings.of_worker(orders.index, orders.count)
    configure_log(settings, plugins)
    from claude_gateway.web.gateway import Gateway  # noqa: PLC0415
    from claude_gateway.web.server import Doors, serve  # noqa: PLC0415
    from claude_gateway.web.siblings import Worker  # noqa: PLC0415

    private = socket.socket(fileno=orders.private)
    worker = Worker(orders.index, orders.count, Path(orders.folder), private)
    doors = Doors(socket.socket(fileno=orders.public), worker)

    def ready(gateway: Gateway) -> None:
        _say(line, {"ready": counts_of(gateway)})

    run(serve(settings, plugins, doors, ready, access_log(settings)))


def _say(line: socket.socket, what: Mapping[str, Any]) -> None:
    line.sendall(json.dumps(what).encode() + b"\n")


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def _watch(line: socket.socket) -> None:
    """Wait for the end of whoever started this: nothing more is ever sent."""
    line.recv(1)
    os._exit(1)


if __name__ == "__main__":
    main()
