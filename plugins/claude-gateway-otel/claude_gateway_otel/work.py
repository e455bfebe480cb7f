"""Spans of requests, and of calls of tools."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from claude_gateway import RequestEnd, ToolEnd
from claude_gateway_otel.context import CURRENT, NOWHERE, given
from claude_gateway_otel.meters import Meters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "_OTHER"  # OpenTelemetry's word for a method that clients make up
SERVER_FAULT = 500
ERROR = Status(StatusCode.ERROR)


class OfRequest:
    """One HTTP request: what is done for it finds its span in the context."""

    carried: Mapping[str, str] = {}

    def __init__(self, span: Span, meters: Meters, method: str) -> None:
        self._span = span
        self._meters = meters
        self._method = method
        self._token = CURRENT.set(set_span_in_context(span, NOWHERE))

    def ended(self, end: RequestEnd) -> None:
        CURRENT.reset(self._token)
        attributes: dict[str, str | int] = {
            "http.request.method": self._method,
            "http.route": end.route,
            "http.response.status_code": end.status,
        }
        if end.status >= SERVER_FAULT:
            attributes["error.type"] = str(end.status)
            self._span.set_status(ERROR)
        self._span.update_name(f"{self._method} {end.route}")  # a profile may have changed it
        self._span.set_attributes(attributes)
        self._span.end()
        self._meters.requests.record(end.seconds, attributes)


class OfTool:
    """One call of a tool."""

    def __init__(self, span: Span, meters: Meters) -> None:
        self._span = span
        self._meters = meters
        self.carried: Mapping[str, str] = given(span)

    def ended(self, end: ToolEnd) -> None:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": end.tool,
            "claude_gateway.tool.server": end.server,
        }
        if end.outcome != "completed":
            attributes["error.type"] = end.outcome
            if end.outcome != "cancelled":
                self._span.set_status(ERROR)
        self._span.update_name(f"execute_tool {end.tool}")
        self._span.set_attributes(attributes)
        self._span.end()
        self._meters.tools.record(end.seconds, attributes)


def method_of(method: str) -> str:
    """Return a method by its name, or one name for all that clients make up."""
    return method if method in METHODS else OTHER
