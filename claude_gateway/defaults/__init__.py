"""What the gateway brings itself, offered through the same hooks as everybody else's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from claude_gateway.defaults import settings as names
from claude_gateway.defaults.authenticators import DemoKey, OwnerKey, StaticKeys
from claude_gateway.defaults.health import DiskSpace, Memory
from claude_gateway.defaults.paying import demo, own_credentials
from claude_gateway.defaults.run_log import RunLog
from claude_gateway.hookspecs import hookimpl
from claude_gateway.interfaces import Authenticator, HealthCheck, Observer, Offer
from claude_gateway.settings import Setting, Settings

T = TypeVar("T")


class Defaults:
    """The built-in plugin."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        """The core's own settings."""
        return names.ALL

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        """Keys from the settings; in demo mode, when nobody pays, also any that looks right."""
        offers: list[Offer[Authenticator]] = [
            Offer("static-keys", ready(StaticKeys(settings[names.GATEWAY_API_KEYS]))),
            Offer("owner-key", ready(OwnerKey(own_credentials(settings)))),
        ]
        if demo(settings):
            offers.append(Offer("demo-key", ready(DemoKey())))
        return offers

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        """A line in the log for each run that failed."""
        log: Observer = RunLog()
        return [Offer("run-log", ready(log))]

    @hookimpl
    def register_health_checks(self, settings: Settings) -> Sequence[Offer[HealthCheck]]:
        """Disk and memory."""
        disk: HealthCheck = DiskSpace(settings[names.GATEWAY_DATA_DIR])
        memory: HealthCheck = Memory()
        return [Offer("disk_space", ready(disk)), Offer("memory", ready(memory))]


def ready(thing: T) -> Callable[[], AbstractAsyncContextManager[T]]:
    """Offer something that needs no opening."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[T]:
        yield thing

    return opened
