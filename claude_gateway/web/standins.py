"""Whom a request may be sent to when the model that it asks for does not answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from aiohttp import web

from claude_gateway.engine.fallback import Alternative
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.requests import ModelRequest
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.resolving import may_use


def stand_ins(
    request: web.Request, resolved: Resolved, call: Callable[[Resolved], ModelRequest]
) -> Sequence[Alternative]:
    """Return the alternatives; `call` writes the request for whichever model is asked."""
    chain = request.app[GATEWAY].fallbacks.after(resolved.model.id)
    if not chain:
        return ()
    # Who brings a key pays with it, and it is good for one backend only.
    principal, catalogue = request[PRINCIPAL], request.app[GATEWAY].catalogue
    own_key = principal.upstream_key is not None
    return [
        Alternative(other.model.id, other.backend, partial(call, other))
        for other in chain
        if (not own_key or other.backend.name == resolved.backend.name)
        and may_use(principal.models, other.model.id, catalogue)
    ]
