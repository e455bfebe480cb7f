"""Each hook: that it works, that it is documented and used, and that none is called while serving."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click
import pytest
from aiohttp import web
from claude_gateway_sqlite import plugin as sqlite
from click.testing import CliRunner

from claude_gateway import (
    Adaptation,
    Authenticator,
    Call,
    ClientProfile,
    Credential,
    Health,
    HealthCheck,
    ModelBackend,
    Observer,
    Offer,
    PluginRoute,
    Principal,
    Run,
    ServerState,
    Setting,
    Settings,
    Store,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
    hookspecs,
)
from claude_gateway.cli import cli
from claude_gateway.cli.start import known_settings
from claude_gateway.defaults import Defaults
from claude_gateway.errors import PluginError, SettingsError
from claude_gateway.plugins import load
from claude_gateway.registry import open_registry
from claude_gateway.testing.raw import chat_body, message_body
from claude_gateway.web.app import ROUTES

if TYPE_CHECKING:
    import pluggy

    from tests.conftest import Completing, Scripted, Serving, Site

ROOT = Path(__file__).parent.parent
SPECS = {
    name: thing
    for name, thing in vars(hookspecs).items()
    if hasattr(thing, f"{hookspecs.PROJECT}_spec")
}

T = TypeVar("T")
SPEED = Setting("SPEED", int, 5, "how fast")


def opener(thing: T) -> Callable[[], AbstractAsyncContextManager[T]]:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[T]:
        yield thing

    return opened


async def who(request: web.Request) -> web.Response:
    return web.Response(text=f"Hello {request.match_info['name']}")


PAGES = [
    PluginRoute("GET", "/pages/{name}", who),
    PluginRoute("GET", "/open/{name}", who, public=True),
]


class Diary(Observer):
    def __init__(self) -> None:
        self.said: list[str] = []

    def run_started(self, run: Run) -> None:
        self.said.append(f"started {run.model}")

    def run_ended(self, run: Run) -> None:
        self.said.append(f"ended {run.stop_reason}")


class Ada:
    """Knows one key."""

    async def authenticate(self, credential: Credential) -> Principal | None:
        return Principal("ada", "Ada") if credential.secret.matches("gw-ada") else None


class Ill:
    async def check(self) -> Health:
        return Health(ok=False, detail="out of paper")


class Clock:
    """A tool server with one tool."""

    title, description, transport = "Clock", "Tells the time.", "builtin"

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return [Tool("now", "Say what time it is.", {"type": "object"})]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        return ToolResult.of("noon")


class Toaster:
    """A profile of what knows one path only."""

    def recognises(self, user_agent: str) -> bool:
        return "toaster" in user_agent

    def adapt(self, call: Call) -> Adaptation:
        return Adaptation("GET", "/v1/models")


class Full:
    """Uses every hook."""

    def __init__(self, backend: ModelBackend) -> None:
        self.backend = backend
        self.diary = Diary()

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return [SPEED]

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        return [Offer(f"fast-{settings[SPEED]}", opener(self.backend))]

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        return [Offer("ada", opener(Ada()))]

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        return [Offer("diary", opener(self.diary))]

    @hookimpl
    def register_health_checks(self, settings: Settings) -> Sequence[Offer[HealthCheck]]:
        return [Offer("printer", opener(Ill()))]

    @hookimpl
    def register_stores(self, settings: Settings) -> Sequence[Offer[Store]]:
        return [Offer("drawer", opener(cast("Store", self.diary)))]

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        return [Offer("clock", opener(Clock()))]

    @hookimpl
    def register_client_profiles(self, settings: Settings) -> Sequence[Offer[ClientProfile]]:
        return [Offer("toaster", opener(Toaster()))]

    @hookimpl
    def register_routes(self, settings: Settings) -> Sequence[Offer[Sequence[PluginRoute]]]:
        return [Offer("pages", opener(PAGES))]

    @hookimpl
    def register_commands(self) -> Sequence[click.Command]:
        return [click.Command("greet")]


async def test_hook_register_settings_makes_them_known_and_read(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted()), SPEED="7") as app:
        assert app.gateway.settings[SPEED] == 7


def test_hook_register_settings_refuses_two_of_one_name_and_what_is_none() -> None:
    class Other:
        def __init__(self, *given: object) -> None:
            self.given = given

        @hookimpl
        def register_settings(self) -> Sequence[object]:
            return self.given

    same = load(("a", Other(SPEED)), ("b", Other(SPEED)), discover=False)
    assert known_settings(same) == [SPEED]  # one key, shared
    twice = load(("a", Other(SPEED)), ("b", Other(Setting("SPEED", int, 1, ""))), discover=False)
    with pytest.raises(PluginError, match="plugin a and plugin b both have a setting SPEED"):
        known_settings(twice)
    with pytest.raises(PluginError, match="plugin a: register_settings must return settings"):
        known_settings(load(("a", Other("SPEED")), discover=False))


async def test_hook_register_model_backends_adds_models(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted(models=["m", "n"]))) as app:
        assert [model.id for model in app.gateway.catalogue.models] == ["m", "n"]
        assert app.gateway.backends == ("fast-5",)


async def test_hook_register_authenticators_lets_callers_in(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted()), GATEWAY_AUTH="required") as app:
        for key, status in (("gw-ada", 200), ("gw-eve", 401)):
            answer = await app.ask("GET", "/v1/models", b"", {"x-api-key": key})
            assert answer.status == status
    assert [line.get("principal") for line in app.lines] == ["ada", None]


async def test_hook_register_stores_opens_the_one_that_is_chosen(
    scripted: type[Scripted],
) -> None:
    plugin = Full(scripted())
    plugins, settings = load(("full", plugin), discover=False), Settings.read({}, ())
    async with open_registry(plugins, settings, store="drawer") as registry:
        assert registry.store is cast("object", plugin.diary)
    async with open_registry(plugins, settings, store="none") as registry:
        assert registry.store is None


async def test_hook_register_tool_servers_adds_tools(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted()), GATEWAY_STORE="none") as app:
        toolbox = app.gateway.toolbox
        assert [entry.wire_name for entry in await toolbox.entries()] == ["clock__now"]
        outcome = await toolbox.call("clock__now", ToolCall({}, "ada"))
    assert outcome.block("toolu_1")["content"] == [{"type": "text", "text": "noon"}]


async def test_hook_register_observers_tells_them_of_runs(
    serving: Serving, scripted: type[Scripted]
) -> None:
    plugin = Full(scripted())
    async with serving(plugin) as app:
        await app.ask("POST", "/v1/chat/completions", chat_body(model="m"))
    assert plugin.diary.said == ["started m", "ended end_turn"]


async def test_hook_register_health_checks_adds_a_line(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted())) as app:
        health = (await app.ask("GET", "/health?deep=1")).json
    assert health["checks"]["printer"] is False
    assert health["details"]["printer"]["detail"] == "out of paper"
    assert health["status"] == "degraded"


async def test_hook_register_client_profiles_adapts_the_clients_it_recognises(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted())) as app:
        adapted = await app.ask("PUT", "/toast", headers={"user-agent": "a toaster/1.0"})
        other = await app.ask("PUT", "/toast", headers={"user-agent": "a kettle/1.0"})
    assert (adapted.status, adapted.json["object"]) == (200, "list")
    assert other.status == 404


async def test_hook_register_routes_adds_endpoints_that_are_private_unless_they_say_otherwise(
    serving: Serving, scripted: type[Scripted]
) -> None:
    async with serving(Full(scripted()), GATEWAY_AUTH="required") as app:
        asked = [("/pages/x", "gw-ada"), ("/pages/x", ""), ("/open/x", ""), ("/open/x", "gw-eve")]
        answers = [
            await app.ask("GET", path, b"", {"x-api-key": key} if key else {})
            for path, key in asked
        ]
        assert [answer.status for answer in answers] == [200, 401, 200, 200]
        assert answers[0].body == b"Hello x"
        assert answers[0].header("x-request-id")
        assert (await app.ask("HEAD", "/open/x")).status == 200
        key = {"x-api-key": "gw-ada"}
        assert (await app.ask("POST", "/open/x", b"", key)).status == 405
        listed = (await app.ask("GET", "/v1", b"", key)).json["endpoints"]
        assert "GET /pages/{name}" in listed
    assert [line["route"] for line in app.lines][:2] == ["/pages/{name}"] * 2


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (PluginRoute("GET", "/v1/models/{id}", who), "is taken already"),
        (PluginRoute("GET", "/pages/{other}", who), "is taken already"),
        (PluginRoute("get", "/page", who), "needs a method in capitals"),
        (PluginRoute("GET", "page", who), "needs a method in capitals"),
        ("GET /page", "is no PluginRoute"),
    ],
)
async def test_hook_register_routes_refuses_what_is_taken_or_no_route(
    serving: Serving, scripted: type[Scripted], route: PluginRoute, why: str
) -> None:
    class Another:
        @hookimpl
        def register_routes(self, settings: Settings) -> Sequence[Offer[Sequence[PluginRoute]]]:
            return [Offer("others", opener([route]))]

    with pytest.raises(PluginError, match=why):
        async with serving(Full(scripted()), Another()):
            pass


def test_hook_register_commands_adds_to_the_command_line(site: Site) -> None:
    site.install(
        "greet",
        """
        import click

        class Plugin:
            @hookimpl
            def register_commands(self):
                return [click.Command("greet", callback=lambda: click.echo("Hello"))]

        plugin = Plugin()
        """,
    )
    runner = CliRunner()
    assert runner.invoke(cli, ["greet"]).output == "Hello\n"
    assert "greet" in runner.invoke(cli, ["--help"]).output
    assert "serve" in runner.invoke(cli, ["--help"]).output


def test_hook_register_commands_hands_them_the_settings(site: Site) -> None:
    site.install(
        "greet",
        """
        import click

        NAME = Setting("GREET_NAME", str, "nobody", "whom")

        @click.command()
        @click.pass_obj
        def greet(settings):
            click.echo(f"Hello {settings()[NAME]}")

        class Plugin:
            @hookimpl
            def register_settings(self):
                return [NAME]

            @hookimpl
            def register_commands(self):
                return [greet]

        plugin = Plugin()
        """,
    )
    environment = {"GREET_NAME": "Ada"}
    assert CliRunner(env=environment).invoke(cli, ["greet"]).output == "Hello Ada\n"
    wrong = CliRunner(env={**environment, "PORT": "x"}).invoke(cli, ["greet"])
    assert isinstance(wrong.exception, SettingsError)


@pytest.mark.parametrize("hook", SPECS)
def test_every_hook_has_a_test(hook: str) -> None:
    assert [name for name in globals() if name.startswith(f"test_hook_{hook}")]


@pytest.mark.parametrize("hook", SPECS)
def test_every_hook_is_documented(hook: str) -> None:
    page = (ROOT / "docs/hooks.md").read_text("utf-8")
    assert re.search(rf"^#+ .*\b{hook}\b", page, re.MULTILINE)


@pytest.mark.parametrize("hook", SPECS)
def test_every_hook_is_used_by_a_real_plugin(hook: str) -> None:
    users = [d.name for d in load(("defaults", Defaults())).describe() if hook in d.hooks]
    assert users


@pytest.mark.parametrize("hook", SPECS)
def test_no_hook_is_async_or_ends_with_the_first_result(hook: str) -> None:
    assert not inspect.iscoroutinefunction(SPECS[hook])
    options = getattr(SPECS[hook], f"{hookspecs.PROJECT}_spec")
    assert not options["firstresult"]
    assert not options["historic"]


@pytest.mark.parametrize("hook", SPECS)
def test_hooks_are_handed_the_settings_and_never_the_app(hook: str) -> None:
    assert list(inspect.signature(SPECS[hook]).parameters) in ([], ["settings"])


async def test_no_hook_is_called_while_serving(
    serving: Serving, completing: type[Completing]
) -> None:
    called: list[str] = []

    def note(hook: str, impls: Sequence[pluggy.HookImpl], arguments: object) -> None:
        called.append(hook)

    async with serving(Full(completing()), sqlite, GATEWAY_STORE="sqlite") as app:
        app.plugins._manager.add_hookcall_monitoring(note, lambda *_: None)
        for route in ROUTES:
            for body in bodies(route.method):
                path = route.path.replace("{model_id}", "m")
                await app.ask(route.method, path, body)
        for method, path in (("OPTIONS", "/v1/models"), ("GET", "/nowhere"), ("PUT", "/")):
            await app.ask(method, path)
        await app.ask("GET", "/v1/models", b"", {"x-api-key": "gw-eve"})
        await app.ask("GET", "/toast", b"", {"user-agent": "toaster"})
        assert called == []
        app.plugins.ask("register_settings")
        assert set(called) == {"register_settings"}  # it would have been noticed
    assert {line["status"] for line in app.lines} == {200, 201, 204, 400, 401, 404, 405}


def bodies(method: str) -> list[bytes | dict[str, object]]:
    if method == "GET":
        return [b""]
    return [
        message_body(model="m"),
        message_body(model="m", stream=True),
        chat_body(model="unknown"),
        b"{",
    ]
