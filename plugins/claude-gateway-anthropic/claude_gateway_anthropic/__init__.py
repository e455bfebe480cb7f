"""Claude, by Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from claude_gateway import Authenticator, ModelBackend, Offer, Setting, Settings, hookimpl
from claude_gateway_anthropic import settings as names


class Plugin:
    """Hook implementations. aiohttp and the SDK are loaded when an offer is opened."""

    @hookimpl
    def register_settings(self) -> Sequence[Setting[object]]:
        """Where upstream is and how to talk to it."""
        return names.ALL

    @hookimpl
    def register_model_backends(self, settings: Settings) -> Sequence[Offer[ModelBackend]]:
        """One backend, when there is a key to pay with or callers bring theirs."""
        account = names.account(settings)
        if not (account.api_key or account.auth_token or account.bring_your_own):
            return []

        def opened() -> AbstractAsyncContextManager[ModelBackend]:
            from claude_gateway_anthropic.backend import open_backend

            return open_backend(account)

        return [Offer("anthropic", opened)]

    @hookimpl
    def register_authenticators(self, settings: Settings) -> Sequence[Offer[Authenticator]]:
        """Recognise callers by their own Anthropic key, when the operator wants that."""
        account = names.account(settings)
        if not account.bring_your_own:
            return []

        def opened() -> AbstractAsyncContextManager[Authenticator]:
            from claude_gateway_anthropic.byok import open_byok

            return open_byok(account)

        return [Offer("bring-your-own-key", opened)]


plugin = Plugin()
