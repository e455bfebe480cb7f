"""Several processes that serve together: start them, replace one that dies, stop them all.

They share one listening socket, which stays open here: what waits to be accepted is lost by nobody's death, and
whoever has time takes the next one. This process serves nothing, and loads nothing of what it takes to serve.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from claude_gateway.cli.worker import Orders
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.tls_settings import TLS_CERT
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.settings import Settings
from claude_gateway.web.sockets import BACKLOG

log = logging.getLogger(__name__)

MODULE = "claude_gateway.cli.worker"
SETTLED = 30.0  # seconds after which a worker's death is no consequence of its start
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds before one is replaced that died at once
OVERTIME = 10.0  # seconds beyond the shutdown's own until a worker is killed
LONGEST_FOLDER = 90  # bytes: the address of a socket is 103 at most

Counts = Mapping[str, int]


class Unstarted(Exception):
    """A worker has died while it started."""


class Post:
    """The place of one worker, whoever holds it."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._process: Process | None = None
        self._line: asyncio.StreamWriter | None = None

    async def fill(self) -> Counts:
        """Start a worker, and return what it serves, once it does. Raises why it does not."""
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            # A group of its own: Ctrl-C is for this process, which stops all of them, once.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, str(number), f"worker-{self._orders.index}"),
                stdin=DEVNULL,
                pass_fds=(number, self._orders.public, self._orders.private),
                process_group=0,
            )
        self._hang_up()
        reader, self._line = await asyncio.open_unix_connection(sock=ours)
        self._line.write(self._orders.line())
        try:
            return _started(await _heard(reader))
        except BaseException:
            self.ask_to_stop()
            raise

    async def keep(self) -> None:
        """Replace whoever dies, until cancelled; those that die at once again and again less and less often."""
        deaths = 0
        while True:
            since = time.monotonic()
            code = await self._ended()
            deaths = 0 if time.monotonic() - since > SETTLED else deaths + 1
            wait = min(FIRST_WAIT * 2 ** (deaths - 2), LONGEST_WAIT) if deaths > 1 else 0.0
            log.error(
                "a worker has died, and is replaced",
                extra={"worker": self._orders.index, "exit_code": code, "in_seconds": wait},
            )
            await asyncio.sleep(wait)
            try:
                await self.fill()
            except (Unstarted, SettingsError, PluginError, OSError) as exc:
                why = {"worker": self._orders.index, "why": str(exc)}
                log.error("a worker could not be replaced so far", extra=why)  # noqa: TRY400
            else:
                log.info("a worker was replaced", extra={"worker": self._orders.index})

    def ask_to_stop(self) -> None:
        """Let it drain."""
        self.tell(signal.SIGTERM)

    def tell(self, number: signal.Signals) -> None:
        """Pass a signal on, if there is anybody."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stopped(self, patience: float) -> int:
        """Wait for its end, which is brought about after `patience` seconds; return its exit code."""
        code = 0
        if self._process is not None:
            try:
                async with asyncio.timeout(patience):
                    code = await self._process.wait()
            except TimeoutError:
                log.error("a worker did not stop", extra={"worker": self._orders.index})  # noqa: TRY400
                self._process.kill()
                code = await self._process.wait()
        self._hang_up()
        return 0 if code == -signal.SIGTERM else abs(code)

    async def _ended(self) -> int:
        return 0 if self._process is None else await self._process.wait()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


async def _heard(reader: asyncio.StreamReader) -> bytes:
    """Return what a worker says; nothing when it dies before."""
    try:
        return await reader.readline()
    except ConnectionError:  # it has not even read its orders
        return b""


def _started(line: bytes) -> Counts:
    match json.loads(line or b"{}"):
        case {"ready": dict(counts)}:
            return {str(name): int(count) for name, count in counts.items()}
        case {"mistakes": list(mistakes)}:
            raise SettingsError([str(mistake) for mistake in mistakes])
        case {"plugin": str(why)}:
            raise PluginError(why)
        case _:
            raise Unstarted("it died while it started")


def serve_together(
    settings: Settings, public: socket.socket, announce: Callable[[Counts], None]
) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Closes the socket.

    Raises what keeps a worker from starting.
    """
    if os.name != "posix":
        public.close()
        raise SettingsError([f"{names.WORKERS.name}: more than one needs Linux or macOS"])
    with asyncio.Runner() as runner, public, _posts(settings, public) as posts:
        return runner.run(_serving(posts, public, announce, settings))


async def _serving(
    posts: Sequence[Post],
    public: socket.socket,
    announce: Callable[[Counts], None],
    settings: Settings,
) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.create_task(_start(posts))
    tasks: list[asyncio.Task[object]] = [starting, asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            announce(await starting)
            if settings.given(TLS_CERT):  # each looks at the certificate anew
                loop.add_signal_handler(signal.SIGHUP, _tell, posts, signal.SIGHUP)
            tasks += [asyncio.create_task(post.keep()) for post in posts]
            done, _ = await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
            for task in done:  # somebody wants the end, or keeping a worker has failed
                await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        public.close()
        code = await _stop(posts, settings[names.SHUTDOWN_TIMEOUT] + OVERTIME)
    return code


async def _start(posts: Sequence[Post]) -> Counts:
    """Start one, then the others: what is wrong is wrong with all of them, and is said once."""
    counts = await posts[0].fill()
    await asyncio.gather(*(post.fill() for post in posts[1:]))
    return counts


def _tell(posts: Sequence[Post], number: signal.Signals) -> None:
    for post in posts:
        post.tell(number)


async def _stop(posts: Sequence[Post], patience: float) -> int:
    _tell(posts, signal.SIGTERM)
    return max(await asyncio.gather(*(post.stopped(patience) for post in posts)))


@contextmanager
def _posts(settings: Settings, public: socket.socket) -> Iterator[list[Post]]:
    """Have a folder that nobody else can enter, and in it a socket for each worker."""
    count = settings[names.WORKERS]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        orders = Orders(
            os.getpid(), 0, count, public.fileno(), -1, str(folder), settings.environment
        )
        posts: list[Post] = []
        for index in range(count):
            private = stack.enter_context(socket.socket(socket.AF_UNIX))
            private.bind(str(folder / str(index)))
            private.listen(BACKLOG)
            posts.append(Post(replace(orders, index=index, private=private.fileno())))
        yield posts


def _folder() -> tempfile.TemporaryDirectory[str]:
    prefix = "claude-gateway-"
    short = len(os.fsencode(tempfile.gettempdir())) + len(prefix) < LONGEST_FOLDER - 10
    return tempfile.TemporaryDirectory(prefix=prefix, dir=None if short else "/tmp")  # noqa: S108
