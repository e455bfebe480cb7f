"""Counts what the gateway tells.

Whatever clients send, there are only so many series: routes are templates, a model that is not
listed is `other`, and of words that come from outside, only the first few hundred get a label.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from claude_gateway import (
    BudgetNews,
    GatewayError,
    Observer,
    RequestEnd,
    Run,
    Standing,
    StreamEnd,
    ToolEnd,
    Usage,
)
from claude_gateway_prometheus.cells import Spread, Sum
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

    first_token: Spread
    rounds: Sum
    seconds: Spread
    dollars: Sum


class OfRoute(NamedTuple):
    """The metrics of one kind of request with one kind of answer."""

    requests: Sum
    seconds: Spread
    responses: Sum


class Counting(Observer):
    """Turns events into figures."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._tools = Words()
        self._reasons = Words()
        # Looking figures up by their labels takes longer than counting.
        self._route = cache(self._of_route)
        self._class = cache(meters.tokens.labels)
        self._state = cache(meters.runs.labels)
        self._model = cache(self._of_model)
        self._stream_seconds = meters.stream_seconds.labels()
        self._stream_gaps = meters.stream_gaps.labels()
        self._stream_bytes = meters.stream_bytes.labels()
        self._stream_writes = meters.stream_writes.labels()

    def can_look(self, look: Callable[[], Standing]) -> None:
        self._meters.standing.look = look
        for backend, state in look().breakers.items():
            self.breaker_changed(backend, state)

    def run_started(self, run: Run) -> None:
        self._meters.going_on.value += 1

    def first_token(self, run: Run) -> None:
        if run.first_token is not None:
            seconds = run.first_token - run.started
            self._model(_model(run)).first_token.observe(seconds)

    def round_ended(self, run: Run, usage: Usage) -> None:
        model = _model(run)
        self._model(model).rounds.value += 1
        for of, tokens in _classes(usage):
            if tokens:
                self._class(model, of).value += tokens

    def run_ended(self, run: Run) -> None:
        meters, model = self._meters, _model(run)
        meters.going_on.value -= 1
        if run.parked:  # it waits for a person, and ends again when it has gone on
            self._state(model, "parked").value += 1
            return
        state = "completed" if run.error is None else "failed"
        self._state(model, CANCELLED if run.error == CANCELLED else state).value += 1
        if run.ended is not None:
            self._model(model).seconds.observe(run.ended - run.started)
        if not run.rounds:
            return
        if (cost := run.cost()) is None:
            meters.unpriced.labels().value += 1
        else:
            self._model(model).dollars.value += float(cost)

    def upstream_retried(self, run: Run, error: GatewayError) -> None:
        backend, reason = self._reasons.of(run.backend, error.code)
        self._meters.retries.labels(backend, reason).inc()

    def fell_back(self, run: Run) -> None:
        listed = run.model if run.listed else OTHER
        self._meters.fallbacks.labels(listed, run.fallback or OTHER).inc()

    def breaker_changed(self, backend: str, state: str) -> None:
        self._meters.breakers.labels(backend).set(STATES.get(state, 0.0))

    def budget_told(self, news: BudgetNews) -> None:
        meters = self._meters
        told = meters.budget_refusals if news.refused else meters.budget_warnings
        told.labels(news.kind, news.period).inc()

    def request_ended(self, request: RequestEnd) -> None:
        method = request.method if request.method in METHODS else OTHER
        of = self._route(method, request.route, request.status)
        of.requests.value += 1
        of.seconds.observe(request.seconds)
        of.responses.value += 1

    def stream_ended(self, stream: StreamEnd) -> None:
        self._stream_seconds.observe(stream.seconds)
        self._stream_gaps.observe(stream.longest_gap)
        self._stream_bytes.value += stream.size
        self._stream_writes.value += stream.writes

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

    def _of_route(self, method: str, route: str, status: int) -> OfRoute:
        meters = self._meters
        return OfRoute(
            meters.requests.labels(method, route),
            meters.request_seconds.labels(method, route),
            meters.responses.labels(route, str(status)),
        )

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
