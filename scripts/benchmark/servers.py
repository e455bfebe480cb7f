"""The servers that are compared: how each is started, asked, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.benchmark import answers, machine
from scripts.benchmark.checking import WrongAnswer, completed
from scripts.benchmark.orders import Order, Plan
from scripts.benchmark.scenarios import Scenario

ROOT = Path(__file__).parent.parent.parent
KEY = "gw-bench-5f2b1c7e9a4d4d0c8b7a6e5f4d3c2b1a"
LOOK_EVERY = 0.005


class DidNotStart(RuntimeError):
    """A server that gave no right answer in time; the message is what it printed last."""


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one. In `command`, `env` and `files`, {port}, {upstream} and {folder} are filled in."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = answers.MODEL
    keeps: bool = False  # has sessions and runs tools
    patience: float = 30
    starts_often: bool = True  # quick enough to be started for a scenario
    workers: int = 1

    def takes(self, scenario: Scenario) -> bool:
        """Whether it can be measured in a scenario."""
        if self.workers > 1 and not scenario.workers:
            return False
        anew = scenario.fresh or scenario.start
        return (scenario.for_all or self.keeps) and (self.starts_often or not anew)


FLOOR = Server(
    "floor",
    (sys.executable, "-m", "scripts.benchmark.floor", "{upstream}", "{port}"),
    {"PYTHONPATH": str(ROOT)},
)
GATEWAY = Server(
    "gateway",
    (sys.executable, "-m", "claude_gateway", "serve", "--host", "127.0.0.1", "--port", "{port}"),
    {
        "ANTHROPIC_API_KEY": "sk-ant-bench",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:{upstream}",
        "GATEWAY_AUTH": "required",
        "GATEWAY_API_KEYS": KEY,
        "GATEWAY_DATA_DIR": "{folder}/data",
        "WORKSPACE_DIR": "{folder}/workspace",
    },
    headers={"authorization": f"Bearer {KEY}"},
    keeps=True,
)


TWO_WORKERS = replace(
    GATEWAY, name="2 workers", command=(*GATEWAY.command, "--workers", "2"), workers=2
)


class Running:
    """One process of a server, alone on its cores. Enter it to start it, leave it to stop it."""

    def __init__(self, server: Server, upstream: int, cores: Sequence[int | None]) -> None:
        """`seconds` is how long it took to the first right answer; None is no choice of a core."""
        self.server = server
        self.seconds = 0.0
        self.port = free_port()
        self._upstream = upstream
        self.cores = cores
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        folder = self._exit.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        self.folder = Path(folder)
        for name, content in self.server.files.items():
            (self.folder / name).write_text(self._filled(content))
        self._log = self._exit.enter_context((self.folder / "log").open("wb"))
        own = {"PATH": os.environ["PATH"], "HOME": folder}
        began = time.perf_counter()
        with machine.on_cores(*self.cores):
            self.process = subprocess.Popen(
                [self._filled(word) for word in self.server.command],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                cwd=self.folder,
                env=own | {name: self._filled(value) for name, value in self.server.env.items()},
                start_new_session=True,
            )
        try:
            self._answers(began + self.server.patience)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.seconds = time.perf_counter() - began
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self._exit.close()

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        return machine.family(self.process.pid)

    def order(self, scenario: Scenario, plan: Plan, upstream: int) -> Order:
        """Return the order to load it; `upstream` is the fake's process."""
        return Order(
            port=self.port,
            body=scenario.body(self.server.model),
            headers=dict(self.server.headers),
            stream=scenario.stream,
            connections=scenario.connections,
            gap_ms=scenario.gap_ms,
            warm_up=plan.warm_up,
            seconds=plan.seconds,
            served_by=self.pids,
            upstream=upstream,
            cores=(*self.cores, plan.cores[1]),
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, if they are still there."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def printed(self) -> str:
        """Return what it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str, *, keyed: bool = True) -> tuple[int, str]:
        """Ask for a page; return status and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=dict(self.server.headers) if keyed else {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def _answers(self, until: float) -> None:
        body, why = Scenario("first").body(self.server.model), "no answer"
        headers = {"content-type": "application/json", **self.server.headers}
        while time.perf_counter() < until and self.process.poll() is None:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=self.server.patience)
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                if completed(connection.getresponse().read()) == answers.TEXT:
                    return
                why = "another text"
            except (OSError, HTTPException, WrongAnswer) as exc:
                why = str(exc)
            finally:
                connection.close()
            time.sleep(LOOK_EVERY)
        raise DidNotStart(f"{self.server.name}: {why}\n{self.printed()[-2000:]}")

    def _filled(self, text: str) -> str:
        values = {"port": self.port, "upstream": self._upstream, "folder": self.folder}
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
