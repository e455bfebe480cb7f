"""Find plugins, block some, check them, describe them. No module-level manager: `load` makes one.

Plugins are found by the entry-point group `claude_gateway`, in order of name, first-party and
third-party alike. One that cannot be loaded stops the start with a sentence that names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import pluggy

from claude_gateway import hookspecs
from claude_gateway.errors import PluginError

GROUP = hookspecs.PROJECT


@dataclass(frozen=True, slots=True)
class Description:
    """One plugin, as `claude-gateway plugins` shows it."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    status: str = "loaded"


class Plugins:
    """The plugins of one start."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._origins: dict[str, tuple[str, str]] = {}
        self._blocked: list[Description] = []

    def add(self, plugin: object, name: str, origin: tuple[str, str] = ("", "")) -> None:
        """Register one plugin; `origin` is its distribution and version."""
        self._origins[name] = origin
        where = self.where(name)
        if inspect.isclass(plugin):
            raise PluginError(f"{where} is a class; register an instance of it. {cure(name)}")
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as exc:
            raise PluginError(f"{where} does not fit: {_line(exc)}. {cure(name)}") from exc
        for caller in self._manager.get_hookcallers(plugin) or []:
            for impl in caller.get_hookimpls():
                if impl.plugin is plugin and inspect.iscoroutinefunction(impl.function):
                    raise PluginError(
                        f"{where}: {caller.name} is async, and hooks are not. {cure(name)}"
                    )

    def block(self, entry: EntryPoint) -> None:
        """Remember a plugin that is installed and not wanted."""
        self._blocked.append(Description(entry.name, *_origin(entry), (), "blocked"))

    def where(self, name: str) -> str:
        """Name a plugin and the distribution it came in."""
        distribution, version = self._origins.get(name, ("", ""))
        return f"plugin {name} ({distribution} {version})" if distribution else f"plugin {name}"

    def ask(self, hook: str, **arguments: object) -> list[tuple[str, object]]:
        """Call one hook of every plugin; return (plugin's name, one thing it gave) in order."""
        given: list[tuple[str, object]] = []
        for name in self._names():
            others = [p for n, p in self._manager.list_name_plugin() if n != name and p]
            caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
            try:
                things = [thing for result in caller(**arguments) for thing in result]
            except (Exception, SystemExit) as exc:
                raise PluginError(
                    f"{self.where(name)} failed in {hook}: {_line(exc)}. {cure(name)}"
                ) from exc
            given += [(name, thing) for thing in things]
        return given

    def packages(self) -> list[str]:
        """Return the names of the packages that plugins came in, sorted: their loggers begin so."""
        plugins = [plugin for _, plugin in self._manager.list_name_plugin() if plugin is not None]
        homes = [getattr(p, "__name__", None) or type(p).__module__ for p in plugins]
        return sorted({home.partition(".")[0] for home in homes})

    def describe(self) -> list[Description]:
        """Say what is loaded and what is blocked, in order of name."""
        loaded = [
            Description(name, *self._origins.get(name, ("", "")), self._hooks(name))
            for name in self._names()
        ]
        return sorted([*loaded, *self._blocked], key=lambda d: d.name)

    def _names(self) -> list[str]:
        return [name for name, plugin in self._manager.list_name_plugin() if plugin is not None]

    def _hooks(self, name: str) -> tuple[str, ...]:
        callers = self._manager.get_hookcallers(self._manager.get_plugin(name))
        return tuple(sorted(caller.name for caller in callers or []))


def load(
    *extra: tuple[str, object],
    discover: bool = True,
    blocked: Collection[str] = (),
    allowed: Collection[str] = (),
) -> Plugins:
    """Load `extra` (name and plugin) and, unless told otherwise, every installed plugin.

    `blocked` names are not even imported. When `allowed` is not empty, only its names are.
    Raises PluginError for a plugin that cannot be loaded, or a name in either list that is not
    installed: a list with a typing error in it protects from nothing.
    """
    plugins = Plugins()
    for name, plugin in extra:
        plugins.add(plugin, name)
    if not discover:
        return plugins
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    _check_names(found, blocked, allowed)
    for entry in found:
        if entry.name in blocked or (allowed and entry.name not in allowed):
            plugins.block(entry)
            continue
        try:
            plugin = entry.load()
        except (Exception, SystemExit) as exc:
            distribution, version = _origin(entry)
            raise PluginError(
                f"plugin {entry.name} ({distribution} {version}) cannot be loaded: {_line(exc)}. "
                f"{cure(entry.name)}"
            ) from exc
        plugins.add(plugin, entry.name, _origin(entry))
    return plugins


def cure(name: str) -> str:
    """Say how to start without a plugin."""
    return f"To start without it, set GATEWAY_PLUGINS_BLOCK={name}"


def _check_names(
    found: Sequence[EntryPoint], blocked: Collection[str], allowed: Collection[str]
) -> None:
    installed = [entry.name for entry in found]
    for name in sorted({name for name in installed if installed.count(name) > 1}):
        owners = " and ".join(_origin(e)[0] for e in found if e.name == name)
        raise PluginError(f"two plugins are called {name}: {owners}. Uninstall one of them")
    for name in sorted({*blocked, *allowed} - set(installed)):
        raise PluginError(
            f"GATEWAY_PLUGINS_BLOCK or GATEWAY_PLUGINS_ALLOW names the plugin {name}, which is not "
            f"installed; installed are: {', '.join(installed) or 'none'}"
        )


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "?")


def _line(exc: BaseException) -> str:
    text = " ".join(str(exc).split()) or "no reason given"
    return f"{type(exc).__name__}: {text}".rstrip(".")
