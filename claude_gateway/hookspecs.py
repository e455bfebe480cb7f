"""The hooks: the whole surface by which plugins extend the gateway.

All are synchronous and collected; each is called once, while the gateway starts. They are handed
the settings, never the app. None is called while a request is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from claude_gateway.interfaces import (
    Authenticator,
    HealthCheck,
    ModelBackend,
    Observer,
    Offer,
    Routes,
)
from claude_gateway.profiles import ClientProfile
from claude_gateway.settings import Setting, Settings
from claude_gateway.stores import Store
from claude_gateway.tool_servers import ToolServer

if TYPE_CHECKING:
    import click

PROJECT = "claude_gateway"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_settings() -> Sequence[Setting[object]]:  # type: ignore[empty-body]
    """Return the settings this plugin reads, so that they are typed, documented and checked."""


@hookspec
def register_model_backends(settings: Settings) -> Sequence[Offer[ModelBackend]]:  # type: ignore[empty-body]
    """Offer backends: what answers for one or more models."""


@hookspec
def register_stores(settings: Settings) -> Sequence[Offer[Store]]:  # type: ignore[empty-body]
    """Offer stores: where projects, sessions and runs are kept. `GATEWAY_STORE` chooses one."""


@hookspec
def register_tool_servers(settings: Settings) -> Sequence[Offer[ToolServer]]:  # type: ignore[empty-body]
    """Offer tool servers: what runs tools for models and clients. An offer's name is the server's id."""


@hookspec
def register_authenticators(settings: Settings) -> Sequence[Offer[Authenticator]]:  # type: ignore[empty-body]
    """Offer authenticators: what recognises a credential. They are asked in order of start."""


@hookspec
def register_observers(settings: Settings) -> Sequence[Offer[Observer]]:  # type: ignore[empty-body]
    """Offer observers: what is told of every run (metrics, tracing, error tracking)."""


@hookspec
def register_health_checks(settings: Settings) -> Sequence[Offer[HealthCheck]]:  # type: ignore[empty-body]
    """Offer checks for `/health`; the offer's name is the name of the line there."""


@hookspec
def register_client_profiles(settings: Settings) -> Sequence[Offer[ClientProfile]]:  # type: ignore[empty-body]
    """Offer profiles: what adapts the requests of an unusual client, and their answers.

    The first one that recognises a request has it. An offer's name is the profile's.
    """


@hookspec
def register_routes(settings: Settings) -> Sequence[Offer[Routes]]:  # type: ignore[empty-body]
    """Offer endpoints of the plugin's own, as sequences of `PluginRoute`. A path and method that is taken stops the start.

    They are private unless they say otherwise, and appear in `GET /v1` with the others.
    """


@hookspec
def register_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Return commands to add to `claude-gateway`.

    A `click.Group` adds its commands to a group of the same name that is there, such as `mcp`.
    `click.pass_obj` hands a command a function that reads the settings, checks them and returns
    them as Settings. A SettingsError or PluginError that a command raises is told in one sentence.
    """
