"""Which request work belongs to, and W3C's trace context, in and out."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

W3C = TraceContextTextMapPropagator()
NOWHERE = Context()
# Not OpenTelemetry's own, which other libraries in this process read and write. A run that outlives its
# request keeps the context that it was begun in.
CURRENT: ContextVar[Context] = ContextVar("claude_gateway_otel", default=NOWHERE)


def current() -> Context:
    """Return the context of the request that this is done for."""
    return CURRENT.get()


def received(carried: Mapping[str, str]) -> Context:
    """Return the context that somebody sent along; what is malformed is as good as nothing."""
    return W3C.extract(carried, NOWHERE) if carried else NOWHERE


def given(span: Span) -> dict[str, str]:
    """Return what to send along with the work of a span."""
    carried: dict[str, str] = {}
    W3C.inject(carried, set_span_in_context(span, NOWHERE))
    return carried
