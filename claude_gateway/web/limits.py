"""The limits that the settings want."""

from __future__ import annotations

from claude_gateway.access.limiter import LocalLimiter
from claude_gateway.defaults import limit_settings as names
from claude_gateway.engine.places import Places
from claude_gateway.settings import Settings
from claude_gateway.types.principals import UNLIMITED, Limits


def limiter_of(settings: Settings) -> LocalLimiter:
    """Return who counts what each caller uses."""
    figures = (settings[names.USER_RPM], settings[names.USER_TPM], settings[names.USER_CONCURRENT])
    rpm, tpm, most = (figure or None for figure in figures)
    limits = Limits(rpm, tpm, most)
    return LocalLimiter(UNLIMITED if limits == UNLIMITED else limits)


def places_of(settings: Settings) -> Places | None:
    """Return the places for turns; None where there are as many as anybody wants."""
    most, waiting = settings[names.MAX_CONCURRENT], settings[names.MAX_WAITING]
    return Places(share_of(most, settings), share_of(waiting, settings)) if most else None


def share_of(most: int, settings: Settings) -> int:
    """Return what one worker may have of what all together may."""
    return -(-most // settings.workers)
