"""Spans and figures of calls of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry.trace import Span, Status, StatusCode

from claude_gateway import RoundEnd, RoundStart, Run
from claude_gateway_otel.context import given
from claude_gateway_otel.meters import Meters

OTHER, CANCELLED = "other", "cancelled"
ERROR = Status(StatusCode.ERROR)
PORTS = {"https": 443, "http": 80}

Attributes = dict[str, str | int | float | bool]


class OfRound:
    """One call of a model."""

    def __init__(
        self,
        span: Span,
        meters: Meters,
        attributes: Attributes,
        run: Run,
        over: Callable[[], object],
    ) -> None:
        """`over` is called at the end; `attributes` are those that spans and figures share."""
        self._span = span
        self._meters = meters
        self._attributes = attributes
        self._run = run
        self._over = over
        self.carried: Mapping[str, str] = given(span)

    def ended(self, end: RoundEnd) -> None:
        self._over()
        common = self._attributes
        if self._run.served_backend is not None:
            common = {**common, "gen_ai.provider.name": self._run.served_backend}
        if end.served_model:
            common["gen_ai.response.model"] = end.served_model
        if end.error is not None:
            common["error.type"] = end.error
            if end.error != CANCELLED:
                self._span.set_status(ERROR)
        self._span.set_attributes({**common, **_used(end), **_answered(end, self._run)})
        if end.stop_reason:
            self._span.set_attribute("gen_ai.response.finish_reasons", (end.stop_reason,))
        self._span.end()
        self._measure(end, {**common, "gen_ai.request.model": model_of(self._run)})

    def _measure(self, end: RoundEnd, attributes: Attributes) -> None:
        meters = self._meters
        meters.duration.record(end.seconds, attributes)
        if end.first is not None:
            meters.first_chunk.record(end.first, attributes)
        attributes.pop("error.type", None)
        for kind, tokens in (
            ("input", end.usage.prompt_tokens),
            ("output", end.usage.output_tokens),
        ):
            if tokens:
                meters.tokens.record(tokens, {**attributes, "gen_ai.token.type": kind})


def attributes_of(call: RoundStart) -> Attributes:
    """Return what spans and figures share."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.backend,
        **_place(call.address),
    }


def model_of(run: Run) -> str:
    """Return the model for a figure: one that the gateway lists, for clients may invent others."""
    if run.fallback is not None:
        return run.fallback
    return run.model if run.listed else OTHER


def _used(end: RoundEnd) -> Attributes:
    """Return tokens by class; all input includes what came from the cache, or went there."""
    usage = end.usage
    if not usage.total_tokens:
        return {}
    found: Attributes = {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_input_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_creation_input_tokens,
    }
    if usage.thinking_tokens:
        found["gen_ai.usage.reasoning.output_tokens"] = usage.thinking_tokens
    return found


def _answered(end: RoundEnd, run: Run) -> Attributes:
    found: Attributes = {}
    if end.answer_id:
        found["gen_ai.response.id"] = end.answer_id
    if end.first is not None:
        found["gen_ai.response.time_to_first_chunk"] = end.first
    if run.fallback is not None:
        found["claude_gateway.fallback.model"] = run.fallback
    return found


@lru_cache(maxsize=64)
def _place(address: str) -> Mapping[str, str | int]:
    """Return where a URL leads, without anything else that is in it."""
    parts = urlsplit(address)
    if not parts.hostname:
        return {}
    return {
        "server.address": parts.hostname,
        "server.port": parts.port or PORTS.get(parts.scheme, 0),
    }
