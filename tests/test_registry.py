"""Offers are opened in order and closed in reverse; one that cannot be opened is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from claude_gateway import (
    Event,
    Health,
    ModelBackend,
    ModelInfo,
    ModelRequest,
    Observer,
    Offer,
    Ping,
    ServerState,
    Tool,
    ToolCall,
    ToolResult,
    hookimpl,
)
from claude_gateway.errors import NotFound, PluginError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.plugins import load
from claude_gateway.registry import Registry, open_registry
from claude_gateway.settings import Settings

NO_SETTINGS = Settings.read({}, ())


class Backend:
    def __init__(self, *ids: str) -> None:
        self.models = tuple(ModelInfo(id_) for id_ in ids)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        yield Ping()


class Anything:
    """Stands in for what nobody calls here."""


class Tools:
    """Has what a tool server has."""

    title = description = transport = ""

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return ()

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        raise NotFound(name)


class Watched(Backend):
    async def check_health(self) -> Health:
        return Health(ok=False, detail="it is down")


class Plugin:
    """Offers what it is given, by hook, and writes down what is opened and closed."""

    def __init__(self, **offers: Mapping[str, object]) -> None:
        self.offers = offers
        self.diary: list[str] = []

    def _offers(self, hook: str) -> list[Offer[object]]:
        found = self.offers.get(hook, {})
        return [Offer(name, self._opener(name, thing)) for name, thing in found.items()]

    def _opener(
        self, name: str, thing: object
    ) -> Callable[[], AbstractAsyncContextManager[object]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[object]:
            self.diary.append(f"+{name}")
            try:
                yield thing
            finally:
                self.diary.append(f"-{name}")

        return opened

    @hookimpl
    def register_stores(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("stores")

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("observers")

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("tools")

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("authenticators")

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("backends")

    @hookimpl
    def register_health_checks(self, settings: Settings) -> Sequence[Offer[object]]:
        return self._offers("checks")


class Offering:
    """Offers one backend; `open` is what the plugin's author wrote."""

    def __init__(self, open_: object) -> None:
        self.open = open_

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[object]:
        return [Offer("thing", self.open)]  # type: ignore[arg-type]


async def opened(*plugins: object, timeout: float = 5) -> Registry:
    """What is in the registry of these plugins, called a, b and so on."""
    named = zip("abc", plugins, strict=False)
    loaded = load(*named, discover=False)
    async with open_registry(loaded, NO_SETTINGS, open_timeout=timeout) as registry:
        return registry


async def refusal(*plugins: object, timeout: float = 5) -> str:
    with pytest.raises(PluginError) as caught:
        await opened(*plugins, timeout=timeout)
    return str(caught.value)


async def test_offers_open_in_order_and_close_in_reverse() -> None:
    plugin = Plugin(
        checks={"check": Anything()},
        backends={"backend 2": Backend("m"), "backend 1": Backend("n")},
        observers={"observer": Observer()},
        authenticators={"key": Anything()},
        tools={"files": Tools()},
    )
    await opened(plugin)
    order = ["observer", "files", "key", "backend 2", "backend 1", "check"]
    assert plugin.diary == [f"+{name}" for name in order] + [f"-{name}" for name in order[::-1]]


async def test_the_registry_holds_what_was_opened_by_kind() -> None:
    observer = Observer()
    check: object = Anything()
    keys: dict[str, object] = {"key 1": Anything(), "key 2": Anything()}
    plugin = Plugin(
        observers={"o": observer},
        authenticators=keys,
        backends={"claude": Backend("m")},
        checks={"disk": check},
    )
    registry = await opened(plugin)
    assert registry.observers == (observer,)
    assert list(registry.authenticators) == list(keys.values())
    assert list(registry.backends) == ["claude"]
    assert registry.backends["claude"].name == "claude"
    assert registry.health_checks["disk"] is check


async def test_without_plugins_the_registry_is_empty_and_opens() -> None:
    assert await opened() == Registry()


async def test_a_backend_that_reports_its_health_has_a_line_on_the_board() -> None:
    registry = await opened(Plugin(backends={"claude": Watched("m"), "mock": Backend("n")}))
    assert list(registry.health_checks) == ["claude_api"]
    assert await registry.health_checks["claude_api"].check() == Health(False, "it is down")


class Opening:
    """A context manager that waits, or fails, before there is anything to use."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def __aenter__(self) -> ModelBackend:
        if self.error is None:
            await asyncio.Event().wait()
            return Backend()
        raise self.error

    async def __aexit__(self, *_: object) -> None:
        pytest.fail("it was never open")


@pytest.mark.parametrize(
    ("open_", "why"),
    [
        (
            lambda: Opening(ConnectionError("no route\nto host.")),
            "ConnectionError: no route to host",
        ),
        (Opening, "took longer than 0.05 s"),
        (
            lambda: Opening(TimeoutError("connection timed out")),
            "TimeoutError: connection timed out",
        ),
        (lambda: None, "TypeError: 'builtins.NoneType' object does not support the asynchronous"),
    ],
    ids=["fails", "hangs", "times out", "opens nothing"],
)
async def test_an_offer_that_cannot_be_opened_names_its_plugin_and_what_was_open_is_closed(
    open_: object, why: str
) -> None:
    first = Plugin(observers={"first": Observer()})
    said = await refusal(first, Offering(open_), timeout=0.05)
    assert said.startswith(f"plugin b cannot open 'thing': {why}")
    assert said.endswith(". To start without it, set GATEWAY_PLUGINS_BLOCK=b")
    assert first.diary == ["+first", "-first"]


async def test_tool_servers_are_known_by_the_names_of_their_offers() -> None:
    clock, files = Tools(), Tools()
    registry = await opened(Plugin(tools={"clock-2.x": clock, "f": files}))
    assert registry.tool_servers == {"clock-2.x": clock, "f": files}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "größe", ".a", "-a", "a" * 65, "a\n"])
async def test_a_tool_server_with_a_name_that_fits_no_url_is_refused(name: str) -> None:
    assert "needs another name" in await refusal(Plugin(tools={name: Tools()}))


async def test_no_tool_server_is_called_as_the_gateway_is_to_models() -> None:
    assert "that is the gateway itself" in await refusal(Plugin(tools={"gateway": Tools()}))


async def test_what_is_no_tool_server_is_told_what_it_lacks() -> None:
    said = await refusal(Plugin(tools={"x": Anything()}))
    assert "it lacks title, description, transport, state, tools, call" in said


async def test_what_is_no_offer_is_refused() -> None:
    class Bare:
        @hookimpl
        def register_observers(self, settings: Settings) -> Sequence[object]:
            return [Observer()]

    said = await refusal(Bare())
    assert said.startswith("plugin a: register_observers must return offers, not Observer.")


@pytest.mark.parametrize("kind", ["backends", "observers", "authenticators", "checks"])
async def test_two_offers_of_one_name_stop_the_start_and_name_both(kind: str) -> None:
    one, two = (Plugin(**{kind: {"same": Anything()}}) for _ in range(2))
    said = await refusal(one, two)
    assert said.startswith("plugin a and plugin b both offer 'same' in register_")
    assert one.diary == []


async def test_one_name_may_be_offered_for_two_purposes() -> None:
    registry = await opened(Plugin(backends={"x": Backend("m")}, checks={"x": Anything()}))
    assert (*registry.backends, *registry.health_checks) == ("x", "x")


async def test_two_backends_of_one_model_stop_the_start_and_are_named() -> None:
    registry = await opened(
        Plugin(backends={"one": Backend("m", "n")}), Plugin(backends={"two": Backend("m")})
    )
    with pytest.raises(PluginError) as caught:
        Catalogue(registry.backends.values(), {})
    said = str(caught.value)
    assert said.startswith("backends one and two both serve the model m")
    assert "GATEWAY_PLUGINS_BLOCK" in said


async def test_offers_are_closed_when_serving_fails() -> None:
    plugin = Plugin(observers={"o": Observer()})
    with pytest.raises(RuntimeError, match="while serving"):
        async with open_registry(load(("a", plugin), discover=False), NO_SETTINGS):
            raise RuntimeError("while serving")
    assert plugin.diary == ["+o", "-o"]


async def test_an_offer_that_fails_to_close_is_logged_and_the_others_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clumsy:
        @hookimpl
        def register_observers(self, settings: Settings) -> Sequence[object]:
            @asynccontextmanager
            async def opened() -> AsyncGenerator[Observer]:
                yield Observer()
                raise RuntimeError("cannot let go")

            return [Offer("clumsy", opened)]

    tidy = Plugin(backends={"tidy": Backend("m")})
    await opened(Clumsy(), tidy)
    assert tidy.diary == ["+tidy", "-tidy"]
    [record] = [r for r in caplog.records if "closed" in r.getMessage()]
    assert "clumsy" in vars(record)["offer"]


async def test_a_backend_without_models_is_named() -> None:
    class Nothing:
        pass

    assert "the backend 'thing' is none" in await refusal(Plugin(backends={"thing": Nothing()}))


async def test_a_health_check_with_the_name_of_a_backends_own_is_a_clash() -> None:
    plugin = Plugin(backends={"b": Watched("m")}, checks={"b_api": Anything()})
    assert "'b_api'" in await refusal(plugin)


async def test_an_offer_may_ask_for_more_patience() -> None:
    class Slow:
        @hookimpl
        def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
            return [Offer("slow", self._opened, patience=30)]

        @asynccontextmanager
        async def _opened(self) -> AsyncGenerator[ModelBackend]:
            await asyncio.sleep(0.05)
            yield Backend("m")

    plugins = load(("slow", Slow()), discover=False)
    async with open_registry(plugins, NO_SETTINGS, open_timeout=0.01) as registry:
        assert list(registry.backends) == ["slow"]


# --- stores


def offering_stores(*names: str) -> Plugin:
    return Plugin(stores={name: Anything() for name in names})


@pytest.mark.parametrize(
    ("offered", "wanted", "opened"),
    [
        ((), "auto", []),
        (("one",), "auto", ["one"]),
        (("one",), "none", []),
        (("one", "two"), "none", []),
        (("one", "two"), "two", ["two"]),
    ],
)
async def test_one_store_is_opened_and_the_others_are_not(
    offered: Sequence[str], wanted: str, opened: list[str]
) -> None:
    plugin = offering_stores(*offered)
    plugins = load(("p", plugin), discover=False)
    async with open_registry(plugins, NO_SETTINGS, store=wanted) as registry:
        assert (registry.store is not None) == bool(opened)
    assert plugin.diary == [f"{sign}{name}" for name in opened for sign in "+-"]


@pytest.mark.parametrize(
    ("offered", "wanted"), [((), "one"), (("one", "two"), "auto"), (("one",), "other")]
)
async def test_a_store_that_cannot_be_told_stops_the_start(
    offered: Sequence[str], wanted: str
) -> None:
    plugins = load(("p", offering_stores(*offered)), discover=False)
    with pytest.raises(PluginError, match=f"GATEWAY_STORE={wanted} does not say which store"):
        async with open_registry(plugins, NO_SETTINGS, store=wanted):
            pytest.fail("it opened")
