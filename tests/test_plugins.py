"""Plugins are found, ordered, blocked and checked; one that does not fit is named in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from claude_gateway import hookimpl
from claude_gateway.errors import PluginError
from claude_gateway.plugins import Description, Plugins, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Site


def saying(word: str) -> str:
    """A plugin whose settings are one word."""
    return f"""
    class Plugin:
        @hookimpl
        def register_settings(self):
            return [{word!r}]

    plugin = Plugin()
    """


class Quiet:
    """A plugin without hooks."""


def refusal(site: Site, **lists: Sequence[str]) -> str:
    """Why the plugins cannot be loaded: one line, without a traceback's noise."""
    with pytest.raises(PluginError) as caught:
        load(**lists)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_installed_plugins_are_loaded_in_order_of_name_after_the_built_in(site: Site) -> None:
    for name in ("b", "c", "a"):
        site.install(name, saying(name))
    plugins = load(("zero", Quiet()))
    assert plugins.ask("register_settings") == [("a", "a"), ("b", "b"), ("c", "c")]
    assert [d.name for d in plugins.describe()] == ["a", "b", "c", "zero"]


def test_a_plugin_is_described_by_what_it_came_in_and_what_it_does(site: Site) -> None:
    site.install("a", saying("a"))
    site.install("b", saying("b"))
    plugins = load(("built-in", Quiet()), blocked=["b"])
    assert plugins.describe() == [
        Description("a", "gateway-a", "1.2", ("register_settings",)),
        Description("b", "gateway-b", "1.2", (), "blocked"),
        Description("built-in", "", "", ()),
    ]
    assert plugins.where("a") == "plugin a (gateway-a 1.2)"
    assert plugins.where("built-in") == "plugin built-in"


def test_a_blocked_plugin_is_not_even_imported(site: Site) -> None:
    site.install("a", "raise SystemExit('imported')")
    site.install("b", saying("b"))
    assert load(blocked=["a"]).ask("register_settings") == [("b", "b")]
    assert not site.imported("a")
    assert site.imported("b")


def test_with_an_allow_list_nothing_else_is_imported(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.install(name, saying(name))
    plugins = load(allowed=["b", "c"], blocked=["c"])
    assert plugins.ask("register_settings") == [("b", "b")]
    assert [d.status for d in plugins.describe()] == ["blocked", "loaded", "blocked"]
    assert not site.imported("a")
    assert not site.imported("c")


@pytest.mark.parametrize("which", ["blocked", "allowed"])
def test_a_name_that_is_not_installed_is_no_protection_and_is_told(site: Site, which: str) -> None:
    site.install("metrics")
    said = refusal(site, **{which: ["metrics", "metric"]})
    assert "the plugin metric, which is not installed; installed are: metrics" in said
    assert not site.imported("metrics")


def test_where_nothing_is_installed_that_is_told(site: Site) -> None:
    assert load().describe() == []
    assert refusal(site, blocked=["a"]).endswith("installed are: none")


def test_discovery_can_be_left_out(site: Site) -> None:
    site.install("a", "raise RuntimeError")
    assert [d.name for d in load(("mine", Quiet()), discover=False).describe()] == ["mine"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
        ("plugin = (", r"cannot be loaded: SyntaxError: '\(' was never closed"),
        ("raise ValueError('two\\nlines.')", r"cannot be loaded: ValueError: two lines\. To"),
        ("raise KeyError", "cannot be loaded: KeyError: no reason given"),
        ("raise SystemExit(0)", "cannot be loaded: SystemExit: 0"),
        ("", "cannot be loaded: AttributeError: .*'plugin'"),
        ("class plugin: ...", "is a class; register an instance of it"),
        (
            """
            class Plugin:
                @hookimpl
                def register_setings(self): ...
            plugin = Plugin()
            """,
            "does not fit: .*unknown hook 'register_setings'",
        ),
        (
            """
            class Plugin:
                @hookimpl
                def register_observers(self, app): ...
            plugin = Plugin()
            """,
            "does not fit: .*register_observers.*app",
        ),
        (
            """
            class Plugin:
                @hookimpl
                async def register_settings(self): ...
            plugin = Plugin()
            """,
            "register_settings is async, and hooks are not",
        ),
    ],
    ids=[
        "module",
        "syntax",
        "error",
        "bare",
        "exit",
        "attribute",
        "class",
        "hook",
        "arguments",
        "async",
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_cure(
    site: Site, source: str, why: str
) -> None:
    site.install("bad", source, dist="gateway-bad")
    said = refusal(site)
    assert said.startswith("plugin bad (gateway-bad 1.2)")
    assert re.search(why, said)
    assert said.endswith("To start without it, set GATEWAY_PLUGINS_BLOCK=bad")
    assert load(blocked=["bad"]).ask("register_settings") == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise RuntimeError('no database.')", "RuntimeError: no database"),
        ("return 1 / 0", "ZeroDivisionError: division by zero"),
        ("return 5", "TypeError: .*not iterable"),
        ("yield 1 / 0", "ZeroDivisionError"),
    ],
    ids=["raises", "divides", "no list", "generator"],
)
def test_a_hook_that_fails_names_its_plugin(site: Site, body: str, why: str) -> None:
    site.install("a", saying("a"))
    site.install(
        "bad",
        f"""
        class Plugin:
            @hookimpl
            def register_settings(self):
                {body}
        plugin = Plugin()
        """,
    )
    with pytest.raises(PluginError) as caught:
        load().ask("register_settings")
    said = str(caught.value)
    assert re.fullmatch(
        rf"plugin bad \(gateway-bad 1\.2\) failed in register_settings: {why}.*\. "
        "To start without it, set GATEWAY_PLUGINS_BLOCK=bad",
        said,
    )


def test_two_plugins_of_one_name_are_both_named_and_none_is_loaded(site: Site) -> None:
    site.install("a", saying("1"), dist="gateway-one")
    site.install("a", saying("2"), dist="gateway-two")
    said = refusal(site)
    assert re.match(r"two plugins are called a: gateway-(one|two) and gateway-(one|two)\.", said)
    assert "Uninstall one" in said


def test_a_plugin_with_the_name_of_the_built_in_one_is_refused(site: Site) -> None:
    site.install("defaults", saying("other"))
    with pytest.raises(
        PluginError, match=r"plugin defaults \(gateway-defaults 1\.2\) does not fit"
    ):
        load(("defaults", Quiet()))


def test_plugins_are_asked_with_arguments_and_those_without_the_hook_are_passed_over() -> None:
    class Echo:
        @hookimpl
        def register_observers(self, settings: object) -> list[object]:
            return [settings, "more"]

    class Nothing:
        @hookimpl
        def register_observers(self) -> None:
            return None

    plugins = load(("quiet", Quiet()), ("echo", Echo()), ("nothing", Nothing()), discover=False)
    assert plugins.ask("register_observers", settings=5) == [("echo", 5), ("echo", "more")]


def test_two_starts_share_no_plugin() -> None:
    first = Plugins()
    first.add(Quiet(), "quiet")
    assert Plugins().describe() == []
    assert [d.name for d in first.describe()] == ["quiet"]
