"""The real `claude-gateway serve`, as a process of its own.

async with FakeAnthropic() as upstream:
    env = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": upstream.url}
    async with GatewayProcess(env) as gateway:
        ...  # talk to gateway.url
    assert gateway.exit_code == 0
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

READY_LINE = re.compile(rb"listening on (https?://\S+:(\d+))\s*\n")
FREE_PORT = ("--host", "127.0.0.1", "--port", "0")


class GatewayDidNotStart(RuntimeError):
    """The process ended, or said nothing in time; the message is all that it printed."""


class GatewayProcess:
    """The command in an empty folder, with an environment that holds nothing but what you give.

    Enter it to start it and wait until it is ready; leave it to stop it. `url` and `port` say
    where it listens, `exit_code` is known once it has ended.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        args: Sequence[str] = FREE_PORT,
        timeout: float = 20,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`args` follow `serve`; `timeout` bounds the start and the stop, in seconds.

        `trust` is for a gateway that speaks https with a certificate that this machine does not know.
        """
        self.url = ""
        self.port = 0
        self._env = dict(env or {})
        self._args = args
        self._timeout = timeout
        self._trust = trust
        self._folder = tempfile.TemporaryDirectory(prefix="claude-gateway-")
        self._process: Process | None = None
        self._printed: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._readers: list[asyncio.Task[None]] = []
        self._ready_line = asyncio.Event()

    @property
    def process(self) -> Process:
        """The process itself."""
        if self._process is None:
            raise GatewayDidNotStart("it was not started")
        return self._process

    @property
    def folder(self) -> Path:
        """Where it runs; also its HOME. Gone once the gateway was left."""
        return Path(self._folder.name)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.returncode

    @property
    def stdout(self) -> str:
        """What it printed to standard output so far."""
        return self._printed["stdout"].decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it printed to standard error so far: its log."""
        return self._printed["stderr"].decode(errors="replace")

    def output(self) -> str:
        """All that it printed so far."""
        return self.stdout + self.stderr

    async def __aenter__(self) -> Self:
        await self.launch()
        try:
            async with asyncio.timeout(self._timeout):
                await self._announced()
                await self._answering()
        except BaseException as exc:
            await self.kill()
            self._folder.cleanup()
            if isinstance(exc, TimeoutError | GatewayDidNotStart):
                raise GatewayDidNotStart(self.output() or "it printed nothing") from None
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()
        self._folder.cleanup()

    async def launch(self) -> None:
        """Start the process, and wait for nothing."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "claude_gateway", "serve", *self._args),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.folder,
            env=self._environment(),
        )
        self._readers = [
            asyncio.create_task(self._read("stdout", self._process.stdout)),
            asyncio.create_task(self._read("stderr", self._process.stderr)),
        ]

    async def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        async with asyncio.timeout(timeout or self._timeout):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def stop(self) -> int:
        """Ask it to end as an operator would (SIGTERM); kill it when it does not."""
        if self.exit_code is None:
            self.process.terminate()
        try:
            return await self.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End it at once."""
        if self.exit_code is None:
            self.process.kill()
        code = await self.process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        return code

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        own = {
            "PATH": os.pathsep.join(os.get_exec_path()),
            "HOME": home,
            "GATEWAY_DATA_DIR": f"{home}/data",
            "WORKSPACE_DIR": f"{home}/workspace",
        }
        return own | self._env

    async def _read(self, name: str, pipe: asyncio.StreamReader | None) -> None:
        while pipe is not None and (piece := await pipe.read(2**16)):
            self._printed[name] += piece
            if name == "stdout" and READY_LINE.search(self._printed[name]):
                self._ready_line.set()
        if name == "stdout":
            self._ready_line.set()  # nothing more will come

    async def _announced(self) -> None:
        await self._ready_line.wait()
        line = READY_LINE.search(self._printed["stdout"])
        if line is None:
            await self.wait()
            raise GatewayDidNotStart
        self.url, self.port = line[1].decode(), int(line[2])

    async def _answering(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trust or True)
        async with aiohttp.ClientSession(connector=connector) as client:
            while self.exit_code is None:
                with suppress(aiohttp.ClientError):
                    async with client.get(f"{self.url}/readiness") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)
        raise GatewayDidNotStart
