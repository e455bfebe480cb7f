"""How long a turn may take: by the settings, and by what the caller asks for."""

from __future__ import annotations

from aiohttp import web
from multidict import istr

from claude_gateway.defaults.resilience_settings import DEADLINE
from claude_gateway.errors import InvalidRequest
from claude_gateway.settings import Settings
from claude_gateway.web.adapted import ADAPTED, Adapted

HEADER = istr("x-gateway-timeout")
LONGEST = 86_400.0  # seconds; what a caller may ask for when the settings set no limit


def patience(request: web.Request, settings: Settings) -> float | None:
    """Return the seconds that this turn may take; None is as long as it likes.

    A caller, or the profile of a client, can only shorten what the settings allow.
    """
    limit = settings[DEADLINE] or None
    asked = request.headers.get(HEADER)
    if asked is None:
        adapted: Adapted | None = request.get(ADAPTED)
        usual = adapted.adaptation.patience if adapted is not None else None
        return limit if usual is None else min(usual, limit or LONGEST)
    return min(_seconds(asked), limit or LONGEST)


def _seconds(raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise InvalidRequest(
            f"{HEADER} wants seconds above 0, not {raw[:50]!r}.",
            param=HEADER,
            code="invalid_header",
        )
    return value
