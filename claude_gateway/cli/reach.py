"""Whoever can reach the gateway from the network must need a key that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from claude_gateway.access.keyring import everything
from claude_gateway.access.places import is_loopback_name
from claude_gateway.defaults import settings as names
from claude_gateway.defaults.paying import own_credentials
from claude_gateway.dialects.resources.keys import status
from claude_gateway.errors import SettingsError
from claude_gateway.key_stores import as_key_store
from claude_gateway.plugins import Plugins
from claude_gateway.registry import open_store
from claude_gateway.settings import Settings


def check_reach(settings: Settings, issued: Callable[[], bool]) -> None:
    """Refuse to listen to a network from which nobody could come in.

    `issued` says whether the gateway has issued a key; it is only asked where that matters.
    """
    keys = (*settings[names.GATEWAY_API_KEYS], *own_credentials(settings))
    anybody = settings[names.GATEWAY_AUTH] == "open"
    if not reachable(settings) or anybody or keys or settings[names.GATEWAY_BYOK] or issued():
        return
    mistake = (
        f"GATEWAY_HOST={settings[names.GATEWAY_HOST]} can be reached from the network, and there is "
        "no key that a device could use: make one with claude-gateway keys create, set "
        "GATEWAY_API_KEYS, or listen on 127.0.0.1"
    )
    raise SettingsError([mistake])


def reachable(settings: Settings) -> bool:
    """Whether other machines can connect."""
    host, published_on = settings[names.GATEWAY_HOST], settings[names.PUBLISHED_ON]
    return not (is_loopback_name(host) or (published_on and is_loopback_name(published_on)))


def has_issued(settings: Settings, plugins: Plugins) -> bool:
    """Look whether there is a key in the store that opens anything."""

    async def look() -> bool:
        async with open_store(plugins, settings, settings[names.STORE]) as store:
            keeper = as_key_store(store)
            keys = [] if keeper is None else await everything(keeper.list_keys)
            return any(status(key) == "active" for key in keys)

    return asyncio.run(look())
