"""Counts what the gateway tells.

Whatever clients send, there are only so many series: routes are templates, a model that is not
listed is `other`, and of words that come from outside, only the first few hundred get a label.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from claude_gateway import (
    GatewayError,
    Observer,
    RequestEnd,
    Run,
    Standing,
    StreamEnd,
    ToolEnd,
    Usage,
)
from claude_gateway_prometheus.meters import Meters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
CANCELLED = "cancelled"
STATES = {"open": 1.0, "half-open": 0.5}
# Tools are named by their servers, reasons by backends: neither may make series without end.
MOST_WORDS = 500


class Words:
    """Lets the first few hundred words through, and calls all others `other`."""

    def __init__(self, most: int = MOST_WORDS) -> None:
        self._most = most
        self._known: set[tuple[str, ...]] = set()

    def of(self, *words: str) -> tuple[str, ...]:
        """Return the words, or as many `other`."""
        if words not in self._known:
            if len(self._known) >= self._most:
                return (OTHER,) * len(words)
            self._known.add(words)
        return words


class OfModel(NamedTuple):
    """The metrics of one model."""

    first_token: Histogram
    rounds: Counter
    seconds: Histogram
    dollars: Counter


class Counting(Observer):
    """Turns events into figures."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._tools = Words()
        self._reasons = Words()
        # A metric looks up its labels under a lock, which takes longer than counting.
        self._endpoint = cache(self._of_endpoint)
        self._status = cache(meters.responses.labels)
        self._class = cache(meters.tokens.labels)
        self._state = cache(meters.runs.labels)
        self._model = cache(self._of_model)

    def can_look(self, look: Callable[[], Standing]) -> None:
        self._meters.standing.look = look
        for backend, state in look().breakers.items():
            self.breaker_changed(backend, state)

    def run_started(self, run: Run) -> None:
        self._meters.going_on.inc()

    def first_token(self, run: Run) -> None:
        if run.first_token is not None:
            seconds = run.first_token - run.started
            self._model(_model(run)).first_token.observe(seconds)

    def round_ended(self, run: Run, usage: Usage) -> None:
        model = _model(run)
        self._model(model).rounds.inc()
        for of, tokens in _classes(usage):
            if tokens:
                self._class(model, of).inc(tokens)

    def run_ended(self, run: Run) -> None:
        meters, model = self._meters, _model(run)
        meters.going_on.dec()
        if run.parked:  # it waits for a person, and ends again when it has gone on
            self._state(model, "parked").inc()
            return
        state = "completed" if run.error is None else "failed"
        self._state(model, CANCELLED if run.error == CANCELLED else state).inc()
        if run.ended is not None:
            self._model(model).seconds.observe(run.ended - run.started)
        if not run.rounds:
            return
        if (cost := run.cost()) is None:
            meters.unpriced.inc()
        else:
            self._model(model).dollars.inc(float(cost))

    def upstream_retried(self, run: Run, error: GatewayError) -> None:
        backend, reason = self._reasons.of(run.backend, error.code)
        self._meters.retries.labels(backend, reason).inc()

    def fell_back(self, run: Run) -> None:
        listed = run.model if run.listed else OTHER
        self._meters.fallbacks.labels(listed, run.fallback or OTHER).inc()

    def breaker_changed(self, backend: str, state: str) -> None:
        self._meters.breakers.labels(backend).set(STATES.get(state, 0.0))

    def request_ended(self, request: RequestEnd) -> None:
        method = request.method if request.method in METHODS else OTHER
        requests, seconds = self._endpoint(method, request.route)
        requests.inc()
        seconds.observe(request.seconds)
        self._status(request.route, str(request.status)).inc()

    def stream_ended(self, stream: StreamEnd) -> None:
        meters = self._meters
        meters.stream_seconds.observe(stream.seconds)
        meters.stream_gaps.observe(stream.longest_gap)
        meters.stream_bytes.inc(stream.size)
        meters.stream_writes.inc(stream.writes)

    def tool_ended(self, call: ToolEnd) -> None:
        meters = self._meters
        server, tool = self._tools.of(call.server, call.tool)
        meters.tools.labels(server, tool).inc()
        meters.tool_seconds.labels(server).observe(call.seconds)
        meters.tool_outcomes.labels(server, call.outcome).inc()

    def sessions_counted(self, active: int) -> None:
        self._meters.active_sessions.set(active)

    def session_ended(self, seconds: float) -> None:
        self._meters.session_seconds.observe(seconds)

    def _of_endpoint(self, method: str, route: str) -> tuple[Counter, Histogram]:
        meters = self._meters
        return meters.requests.labels(method, route), meters.request_seconds.labels(method, route)

    def _of_model(self, model: str) -> OfModel:
        meters = self._meters
        return OfModel(
            meters.first_token.labels(model),
            meters.rounds.labels(model),
            meters.run_seconds.labels(model),
            meters.dollars.labels(model),
        )


def _model(run: Run) -> str:
    """Return the model that answers, if it is one that the gateway lists."""
    if run.fallback is not None:
        return run.fallback
    return run.model if run.listed else OTHER


def _classes(usage: Usage) -> tuple[tuple[str, int], ...]:
    """Return tokens by what they are paid at; together they are all tokens."""
    return (
        ("input", usage.input_tokens),
        ("output", usage.output_tokens),
        ("cache_read", usage.cache_read_input_tokens),
        ("cache_write", usage.cache_creation_input_tokens),
    )
