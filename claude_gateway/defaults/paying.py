"""Who pays upstream."""

from __future__ import annotations

from claude_gateway.defaults import settings as names
from claude_gateway.settings import Settings
from claude_gateway.types.secrets import Secret


def own_keys(settings: Settings) -> tuple[Secret, ...]:
    """Return the gateway's own keys of Anthropic's API."""
    one = settings[names.ANTHROPIC_API_KEY]
    return (*((one,) if one else ()), *settings[names.ANTHROPIC_API_KEYS])


def own_credentials(settings: Settings) -> tuple[Secret, ...]:
    """Return all that the gateway itself can pay with: whoever has one of them is its owner."""
    token = settings[names.ANTHROPIC_AUTH_TOKEN]
    return (*own_keys(settings), *((token,) if token else ()))


def demo(settings: Settings) -> bool:
    """Whether nobody pays, so that answers are canned."""
    return not own_credentials(settings) and not settings[names.GATEWAY_BYOK]
