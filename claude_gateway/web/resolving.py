"""Which models a caller may use."""

from __future__ import annotations

from fnmatch import fnmatchcase

from aiohttp import web

from claude_gateway.errors import Forbidden, NotFound
from claude_gateway.models.catalogue import Catalogue, Resolved
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL


def resolved_for(request: web.Request, asked: str | None) -> Resolved:
    """Find who serves a model. Raises NotFound, and Forbidden where the key may not use it."""
    catalogue = request.app[GATEWAY].catalogue
    resolved = catalogue.resolve(asked)
    models = request[PRINCIPAL].models
    if models is not None and not may_use(models, resolved.model.id, catalogue):
        raise Forbidden(
            f"This API key may not use the model {resolved.model.id[:100]!r}. It may use: "
            f"{', '.join(sorted(models)) or 'none'}.",
            code="model_not_allowed",
            param="model",
        )
    return resolved


def may_use(models: frozenset[str] | None, model_id: str, catalogue: Catalogue) -> bool:
    """Whether a model is one of those, which may be named by any name of theirs, or by a pattern."""
    if models is None or model_id in models:
        return True
    return any(
        fnmatchcase(model_id, name) or _target(name, catalogue) == model_id for name in models
    )


def _target(name: str, catalogue: Catalogue) -> str | None:
    try:
        return catalogue.resolve(name).model.id if name else None
    except NotFound:
        return None
