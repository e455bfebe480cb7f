"""A plugin of pytest's: nothing that was secret comes out of any gateway that any test runs (S11).

Each process gets canaries in its environment, each request of `ask` in its headers. When a process has
ended, what it printed and the files that it changed are searched for these and for all secrets that its
test gave it; each refusal and each page of plain text is when it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from claude_gateway.testing import GatewayProcess, raw
from tests.canaries import HEADERS, Search, files_in, leaks, planted, secrets_in

MINE = {*HEADERS.values()}


class Leak(AssertionError):
    """A secret came out."""


class Watch:
    """What was planted so far, and what came out."""

    def __init__(self) -> None:
        self.leaks: list[str] = []
        self._secrets: set[str] = set()
        self._errors = Search.of(())

    def given(self, environment: Mapping[str, str]) -> set[str]:
        """Take note of what some gateway is given as secrets, and return it."""
        secrets = secrets_in(environment)
        if not secrets <= self._secrets:
            self._secrets |= secrets
            self._errors = Search.of(self._secrets)
        return secrets

    def answered(self, response: raw.Response) -> None:
        """Search an answer that holds no content of anybody's."""
        kind = response.header("content-type") or ""
        if response.status >= 400 or kind.startswith(("text/plain", "application/openmetrics")):
            pieces = self._errors.found(response.head + response.body)
            self.tell([f"{piece!r} in an answer: {response.head!r}" for piece in pieces])

    def tell(self, found: Sequence[str]) -> None:
        """Fail for what was found."""
        if found:
            self.leaks += found
            raise Leak("; ".join(found))


class Ended:
    """One process: what was there before it, and the search when it has ended."""

    def __init__(self, watch: Watch, environment: Mapping[str, str]) -> None:
        self._watch = watch
        self._search = Search.of(watch.given(environment) | MINE)
        home, data = Path(environment["HOME"]), Path(environment["GATEWAY_DATA_DIR"])
        self._folders = {home, data}
        self._without = [Path(environment["WORKSPACE_DIR"]), home / ".env", data / "mcp.json"]
        self._before = files_in(self._folders, self._without)

    def search(self, printed: Mapping[str, bytes]) -> None:
        after = files_in(self._folders, self._without)
        self._watch.tell(leaks(self._search, printed, self._before, after))


@pytest.fixture(scope="session", autouse=True)
def watch() -> Iterator[Watch]:
    """Watch everything that tests start."""
    watch, running = Watch(), dict[int, Ended]()
    with pytest.MonkeyPatch.context() as patch:
        _watch_processes(patch, watch, running)
        _watch_answers(patch, watch)
        yield watch
    assert not watch.leaks


def _watch_processes(patch: pytest.MonkeyPatch, watch: Watch, running: dict[int, Ended]) -> None:
    environment, wait, kill = (
        GatewayProcess._environment,
        GatewayProcess.wait,
        GatewayProcess.kill,
    )

    def given(process: GatewayProcess) -> dict[str, str]:
        found = planted(environment(process))
        running[id(process)] = Ended(watch, found)
        return found

    def over(process: GatewayProcess) -> None:
        if ended := running.pop(id(process), None):
            ended.search({name: bytes(text) for name, text in process._printed.items()})

    async def waited(process: GatewayProcess, timeout: float | None = None) -> int:
        code = await wait(process, timeout)
        over(process)
        return code

    async def killed(process: GatewayProcess) -> int:
        code = await kill(process)
        over(process)
        return code

    patch.setattr(GatewayProcess, "_environment", given)
    patch.setattr(GatewayProcess, "wait", waited)
    patch.setattr(GatewayProcess, "kill", killed)


def _watch_answers(patch: pytest.MonkeyPatch, watch: Watch) -> None:
    request, response = raw.request, raw.Connection.response

    def asked(
        method: str, path: str, body: Any = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        return request(method, path, body, {**HEADERS, **(headers or {})})

    async def answered(connection: raw.Connection, *, bodiless: bool = False) -> raw.Response:
        found = await response(connection, bodiless=bodiless)
        watch.answered(found)
        return found

    patch.setattr(raw, "request", asked)
    patch.setattr(raw.Connection, "response", answered)
