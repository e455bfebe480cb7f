"""A client profile: an iOS app that exists already, served without a change to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import Authenticator, ClientProfile, Offer, Setting, Settings, hookimpl
from claude_gateway_ios.keys import AppKeys
from claude_gateway_ios.profile import AppProfile
from claude_gateway_ios.settings import ALL, API_KEYS, USER_AGENTS, check_keys

__all__ = ["NAME", "AppProfile", "plugin"]

NAME = "ios"


class Plugin:
    """Offers the profile, and recognises the keys that are for it alone."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        return ALL

    @hookimpl
    def register_client_profiles(self, settings: Settings) -> Sequence[Offer[ClientProfile]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ClientProfile]:
            yield AppProfile(settings[USER_AGENTS])

        return (Offer(NAME, opened),)

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        if not settings[API_KEYS]:
            return ()
        check_keys(settings)

        @asynccontextmanager
        async def opened() -> AsyncGenerator[Authenticator]:
            yield AppKeys(settings[API_KEYS], NAME)

        return (Offer("ios-keys", opened),)


plugin = Plugin()
