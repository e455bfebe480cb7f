"""What is measured. A registry for each start of the gateway, never the process's own.

The first seven have the names and labels that dashboards of this gateway have always had; all
others follow Prometheus's conventions for names and base units.
"""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from claude_gateway_prometheus.cells import Level, Spreads, Sums
from claude_gateway_prometheus.standing import StandingCollector

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
GAP_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30)
SESSION_SECONDS = (60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
TOOL_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Meters:
    """Every metric, and the registry that has them."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        self.requests = Sums("api_requests", "Requests", ["method", "endpoint"], registry=registry)
        self.request_seconds = Spreads(
            "api_request_duration_seconds",
            "Time of requests, to the last byte of the answer",
            ["method", "endpoint"],
            registry=registry,
            buckets=REQUEST_SECONDS,
        )
        self.tokens = Sums("tokens_used", "Tokens, by class", ["model", "type"], registry=registry)
        self.dollars = Sums(
            "token_cost_dollars", "What tokens cost in US dollars", ["model"], registry=registry
        )
        self.active_sessions = Gauge(
            "active_sessions", "Sessions that were not ended", registry=registry
        )
        self.session_seconds = Histogram(
            "session_duration_seconds",
            "From the start of a session until it was ended or deleted",
            registry=registry,
            buckets=SESSION_SECONDS,
        )
        self.tools = Counter(
            "mcp_tool_invocations", "Calls of tools", ["server", "tool"], registry=registry
        )
        self._of_http(registry)
        self._of_runs(registry)
        self._of_upstream(registry)
        self._of_the_process(registry)
        info = Gauge("claude_gateway_build_info", "What runs here", ["version"], registry=registry)
        info.labels(version("claude-gateway")).set(1)

    def _of_http(self, registry: CollectorRegistry) -> None:
        self.responses = Sums(
            "api_responses", "Answers, by status", ["endpoint", "status"], registry=registry
        )
        self.stream_seconds = Spreads(
            "stream_duration_seconds",
            "Time of streams on a connection",
            registry=registry,
            buckets=REQUEST_SECONDS,
        )
        self.stream_gaps = Spreads(
            "stream_longest_gap_seconds",
            "Longest time between two writes of a stream",
            registry=registry,
            buckets=GAP_SECONDS,
        )
        self.stream_bytes = Sums("stream_bytes", "Bytes of streams", registry=registry)
        self.stream_writes = Sums(
            "stream_writes",
            "Writes of streams: pieces of answers, and heartbeats",
            registry=registry,
        )

    def _of_runs(self, registry: CollectorRegistry) -> None:
        self.going_on = Level("runs_in_progress", "Turns that go on", registry=registry)
        self.runs = Sums(
            "runs",
            "Turns that are over: completed, failed or cancelled; and parked, that wait for a person",
            ["model", "state"],
            registry=registry,
        )
        self.run_seconds = Spreads(
            "run_duration_seconds",
            "Time of turns, with all their rounds and tools",
            ["model"],
            registry=registry,
            buckets=REQUEST_SECONDS,
        )
        self.first_token = Spreads(
            "time_to_first_token_seconds",
            "From the request to the first piece of the answer",
            ["model"],
            registry=registry,
            buckets=FIRST_TOKEN_SECONDS,
        )
        self.budget_refusals = Counter(
            "budget_refusals",
            "Calls of models that a budget refused",
            ["kind", "period"],
            registry=registry,
        )
        self.budget_warnings = Counter(
            "budget_warnings",
            "Calls of models that a budget warned about",
            ["kind", "period"],
            registry=registry,
        )
        self.unpriced = Sums("unpriced_runs", "Turns whose price nobody knows", registry=registry)
        self.tool_seconds = Histogram(
            "mcp_tool_duration_seconds",
            "Time of calls of tools",
            ["server"],
            registry=registry,
            buckets=TOOL_SECONDS,
        )
        self.tool_outcomes = Counter(
            "mcp_tool_outcomes",
            "Calls of tools, by how they ended",
            ["server", "outcome"],
            registry=registry,
        )

    def _of_upstream(self, registry: CollectorRegistry) -> None:
        self.rounds = Sums("model_calls", "Calls of models", ["model"], registry=registry)
        self.retries = Counter(
            "upstream_retries",
            "Calls that were made again",
            ["backend", "reason"],
            registry=registry,
        )
        self.fallbacks = Counter(
            "model_fallbacks",
            "Turns that another model answered",
            ["model", "instead"],
            registry=registry,
        )
        self.breakers = Gauge(
            "upstream_breaker_open",
            "1 while a backend's circuit is open, 0.5 while it is tried",
            ["backend"],
            registry=registry,
        )

    def _of_the_process(self, registry: CollectorRegistry) -> None:
        self.loop_lag = Histogram(
            "event_loop_lag_seconds",
            "How late the event loop is, looked at twice a second",
            registry=registry,
            buckets=LAG_SECONDS,
        )
        self.standing = StandingCollector()
        registry.register(self.standing)
