"""Follows requests, calls of models and calls of tools, and makes spans and figures of them."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind, Tracer

from claude_gateway import (
    Followed,
    GatewayError,
    Observer,
    RequestEnd,
    RequestStart,
    RoundEnd,
    RoundStart,
    Run,
    ToolEnd,
    ToolStart,
)
from claude_gateway_otel import context
from claude_gateway_otel.meters import Meters
from claude_gateway_otel.rounds import OfRound, attributes_of, model_of
from claude_gateway_otel.work import OfRequest, OfTool, method_of


class Tracing(Observer):
    """Everything is a child of the request that asked for it, or of what the client sent along."""

    def __init__(self, tracer: Tracer, meters: Meters) -> None:
        self._tracer = tracer
        self._meters = meters
        self._rounds: dict[str, Span] = {}  # that go on, by their runs

    def request_began(self, request: RequestStart) -> Followed[RequestEnd]:
        parent = context.received(request.carried)
        method = method_of(request.method)
        span = self._tracer.start_span(
            f"{method} {request.route}",
            parent,
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "http.route": request.route,
                "claude_gateway.request.id": request.id,
            },
        )
        return OfRequest(span, self._meters, method)

    def round_began(self, call: RoundStart) -> Followed[RoundEnd]:
        attributes = attributes_of(call)
        numbers = {f"gen_ai.request.{name}": number for name, number in call.numbers.items()}
        span = self._tracer.start_span(
            f"chat {call.model}",
            context.current(),
            SpanKind.CLIENT,
            {
                **attributes,
                **numbers,
                "gen_ai.request.model": call.model,
                "gen_ai.request.stream": call.stream,
                "claude_gateway.run.id": call.run.id,
            },
        )
        self._rounds[call.run.id] = span
        return OfRound(
            span, self._meters, attributes, call.run, lambda: self._rounds.pop(call.run.id, None)
        )

    def tool_began(self, call: ToolStart) -> Followed[ToolEnd]:
        parent = context.received(call.carried) if call.carried else context.current()
        attributes = {"gen_ai.operation.name": "execute_tool"}
        if call.id:
            attributes["gen_ai.tool.call.id"] = call.id
        if call.run_id:
            attributes["claude_gateway.run.id"] = call.run_id
        span = self._tracer.start_span(
            f"execute_tool {call.name}", parent, SpanKind.INTERNAL, attributes
        )
        return OfTool(span, self._meters)

    def upstream_retried(self, run: Run, error: GatewayError) -> None:
        span = self._rounds.get(run.id)
        if span is not None:
            span.add_event("claude_gateway.retry", {"error.type": error.code})

    def first_token(self, run: Run) -> None:
        if run.first_token is not None:
            named = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": run.served_backend or run.backend,
                "gen_ai.request.model": model_of(run),
            }
            self._meters.first_token.record(run.first_token - run.started, named)
