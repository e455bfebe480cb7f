"""What several tests need: a place to install plugins into, a backend by script, a small gateway."""

from __future__ import annotations

import asyncio
import importlib
import sys
import textwrap
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import pytest
from aiohttp import web

from claude_gateway import (
    GATEWAY_STORE,
    Answer,
    BlockStart,
    BlockStop,
    Event,
    MessageDelta,
    MessageStart,
    MessageStop,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    Offer,
    Settings,
    TextDelta,
    hookimpl,
)
from claude_gateway.cli.start import known_settings
from claude_gateway.defaults import Defaults
from claude_gateway.plugins import Plugins, load
from claude_gateway.registry import open_registry
from claude_gateway.testing.raw import Response, ask
from claude_gateway.web.access_log import AccessLog
from claude_gateway.web.app import ROUTES, Route, create_app
from claude_gateway.web.building import build_gateway
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.passage import server_of
from tests.canaries import HEADERS, Search, files_in, leaks, secrets_in


class Site:
    """A folder on the import path in which distributions are installed, as pip would do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, source: str = "", *, load: str = "plugin", dist: str = "") -> None:
        """Install a distribution with one module, and the entry point `name` into it.

        The module is called after the distribution; `load` is the name that the entry point loads.
        """
        dist = dist or f"gateway-{name}"
        module = dist.replace("-", "_")
        code = "from claude_gateway import *\n" + textwrap.dedent(source)
        (self.folder / f"{module}.py").write_text(code, "utf-8")
        info = self.folder / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[claude_gateway]\n{name} = {module}:{load}\n")

    def imported(self, name: str) -> bool:
        """Whether the module of a plugin has been imported."""
        return f"gateway_{name}" in sys.modules


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Nothing is installed but what the test installs."""
    folder = tmp_path / "site"
    folder.mkdir()
    for late in ("jsonschema", "jsonschema_specifications", "referencing.exceptions"):
        importlib.import_module(late)  # loaded with the first schema, which would be too late
    rest = [path for path in sys.path if "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(folder), *rest])
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


Step: TypeAlias = Event | BaseException | asyncio.Event


class Scripted:
    """A backend that plays scripts: one for each call, the last one for all that follow.

    An event is yielded, an error raised, an asyncio.Event waited for.
    """

    def __init__(self, *scripts: Sequence[Step], models: Sequence[str] = ("m",)) -> None:
        self.models = tuple(ModelInfo(id_) for id_ in models)
        self.scripts = list(scripts) or [self.saying("Hello")]
        self.asked: list[ModelRequest] = []
        self.open = 0
        self.closed = asyncio.Event()

    @staticmethod
    def saying(*pieces: str) -> list[Step]:
        """The script of an ordinary answer."""
        usage = {"input_tokens": 10, "output_tokens": 1}
        message = {"id": "msg_1", "role": "assistant", "model": "m-1", "usage": usage}
        return [
            MessageStart(message),
            BlockStart(0, {"type": "text", "text": ""}),
            *(TextDelta(0, piece) for piece in pieces),
            BlockStop(0),
            MessageDelta({"stop_reason": "end_turn"}, {"output_tokens": 5}),
            MessageStop(),
        ]

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        self.asked.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.open += 1
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.open -= 1
            self.closed.set()


WHOLE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


class Completing(Scripted):
    """Answers in one piece, and counts, as well: with `answers`, and when these are used up, Hello."""

    def __init__(self, *answers: Answer | BaseException) -> None:
        super().__init__()
        self.answers = list(answers)

    async def complete(self, request: ModelRequest) -> Answer:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else Answer(b"", WHOLE)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def count_tokens(self, request: ModelRequest) -> Answer:
        return await self.complete(request)


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def completing() -> type[Completing]:
    return Completing


class Offering:
    """A plugin that offers one backend."""

    def __init__(self, backend: ModelBackend) -> None:
        self.backend = backend

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        return [Offer("scripted", self._opened)]

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[ModelBackend]:
        yield self.backend


@pytest.fixture
def offering() -> type[Offering]:
    return Offering


@dataclass
class App:
    """A gateway that serves in this very process."""

    gateway: Gateway
    plugins: Plugins
    port: int
    lines: list[Mapping[str, object]]

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request; what became of it is in `lines`, the access log."""
        return await ask(self.port, method, path, body, headers)


class Serving(Protocol):
    def __call__(
        self, *parts: object, routes: Sequence[Route] = ROUTES, **environment: str
    ) -> AbstractAsyncContextManager[App]: ...


@asynccontextmanager
async def _serving(
    *parts: object, routes: Sequence[Route] = ROUTES, **environment: str
) -> AsyncGenerator[App]:
    named = [(f"p{i}", _plugin(part)) for i, part in enumerate(parts)]
    plugins = load(("defaults", Defaults()), *named, discover=False)
    settings = Settings.read(environment, known_settings(plugins))
    lines: list[Mapping[str, object]] = []

    def kept(line: Mapping[str, object]) -> bytes:
        lines.append(line)
        return b""

    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(
            open_registry(plugins, settings, store=settings[GATEWAY_STORE])
        )
        gateway = build_gateway(settings, registry, AccessLog(kept, bool))
        app = create_app(gateway, registry.routes, routes)
        runner = web.ServerRunner(server_of(app), shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await stack.enter_async_context(gateway.pulse.running())
        await stack.enter_async_context(gateway.health.watching())
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield App(gateway, plugins, runner.addresses[0][1], lines)
    search = Search.of(secrets_in(environment) | {*HEADERS.values()})
    files = files_in([Path(environment["GATEWAY_DATA_DIR"])])
    found = leaks(search, {"the access log": repr(lines).encode()}, {}, files)
    assert not found, found


def _plugin(part: object) -> object:
    is_plugin = any(name.startswith("register_") for name in dir(part))
    return part if is_plugin else Offering(cast("ModelBackend", part))


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Serve these plugins, or backends, beside the built-in plugin; environment by name."""
    return partial(_serving, GATEWAY_DATA_DIR=str(tmp_path))
