"""GET /v1/models, one model, and their capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web

from claude_gateway.dialects.model_lists import (
    anthropic_model,
    anthropic_page,
    capability,
    openai_model,
)
from claude_gateway.types.models import ModelInfo
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.resolving import may_use, resolved_for


@Operation(gives="Models", headers=("anthropic_version",))
async def list_models(request: web.Request) -> web.StreamResponse:
    """List what is served, in the shape of the API that the client speaks."""
    models = _models(request)
    if "anthropic-version" in request.headers:
        return json_reply(anthropic_page(models))
    return json_reply({"object": "list", "data": [openai_model(model) for model in models]})


@Operation(gives="Model", headers=("anthropic_version",))
async def get_model(request: web.Request) -> web.StreamResponse:
    """Describe one model; its other names are understood."""
    resolved = resolved_for(request, request.match_info["model_id"])
    shape = anthropic_model if "anthropic-version" in request.headers else openai_model
    return json_reply(shape(resolved.model), headers=notes(resolved))


@Operation(gives="Capabilities")
async def capabilities(request: web.Request) -> web.StreamResponse:
    """Say of every model what it can do and what it costs."""
    gateway, today = request.app[GATEWAY], datetime.now(UTC).date()
    catalogue = gateway.catalogue
    models = [capability(m, catalogue.aliases_of(m.id), today) for m in _models(request)]
    return json_reply({"object": "list", "models": models, "price_factors": gateway.factors})


def _models(request: web.Request) -> Sequence[ModelInfo]:
    """Return those that the caller may use."""
    catalogue, models = request.app[GATEWAY].catalogue, request[PRINCIPAL].models
    return [model for model in catalogue.models if may_use(models, model.id, catalogue)]
