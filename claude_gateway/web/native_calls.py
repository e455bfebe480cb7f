"""A native request as a call of the model: what comes in goes up as it is."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from claude_gateway.dialects.anthropic import request as native
from claude_gateway.engine.fallback import Alternative
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.requests import ModelRequest
from claude_gateway.web.gateway import PRINCIPAL
from claude_gateway.web.native_tools import NativeTools
from claude_gateway.web.standins import stand_ins

# A native client decides about these itself; they reach upstream byte for byte.
PASSED_ON = ("anthropic-version", "anthropic-beta")


def others_of(
    request: web.Request,
    asked: native.MessagesRequest,
    resolved: Resolved,
    tools: NativeTools | None = None,
) -> Sequence[Alternative]:
    """Return who may answer instead."""
    others = stand_ins(request, resolved, lambda other: call_of(request, asked, other, tools))
    # Thinking is bound to the model that thought it; another one might refuse the conversation.
    return () if others and native.is_bound(asked) else others


def call_of(
    request: web.Request,
    asked: native.MessagesRequest,
    resolved: Resolved,
    tools: NativeTools | None = None,
) -> ModelRequest:
    """Return the call: the client's own bytes, with the model's name as upstream knows it.

    Where the gateway runs `tools` it is the client's fields with these.
    """
    model = resolved.model.id
    params = {k: v for k, v in asked.fields.items() if k not in ("model", "stream")}
    call = ModelRequest(
        model,
        params,
        stream=asked.stream,
        raw=asked.body if asked.model == model else native.with_model(asked.body, model),
        headers={
            name: ",".join(values)
            for name in PASSED_ON
            if (values := request.headers.getall(name, None)) is not None
        },
        upstream_key=request[PRINCIPAL].upstream_key,
    )
    return call if tools is None else tools.call(call, resolved.model)
