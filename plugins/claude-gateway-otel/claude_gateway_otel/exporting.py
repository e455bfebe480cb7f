"""Providers of this gateway's own, never the process's, and what sends: in threads of its own.

Spans wait in a queue that is bounded and drops what does not fit, so a receiver that is down costs nothing
but what it would have got. It is told once, and once more when it is back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import MeterProvider as AnyMeterProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from claude_gateway import Observer, __version__
from claude_gateway_otel.meters import Meters
from claude_gateway_otel.observer import Tracing
from claude_gateway_otel.settings import Wanted

log = logging.getLogger(__name__)

SCOPE = "claude_gateway"
FLUSH = 4.0  # seconds for what is still to be sent when the gateway stops
TALKATIVE = ("opentelemetry", "urllib3")  # they would tell of every attempt


class Told:
    """Tells once when sending fails, and once when it works again."""

    def __init__(self, what: str, where: str) -> None:
        self._about = {"what": what, "to": where}
        self.down = False

    def note(self, *, sent: bool) -> None:
        """Take note of how it went."""
        if sent == self.down:
            self.down = not sent
            if self.down:
                log.warning("telemetry cannot be sent and is dropped", extra=self._about)
            else:
                log.info("telemetry is sent again", extra=self._about)


class Spans(OTLPSpanExporter):
    """Sends spans."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        super().__init__(endpoint=endpoint, headers=headers)
        self.told = Told("traces", endpoint)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self.told.note(sent=result is SpanExportResult.SUCCESS)
        return result


class Metrics(OTLPMetricExporter):
    """Sends metrics."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        super().__init__(endpoint=endpoint, headers=dict(headers))
        self.told = Told("metrics", endpoint)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: object
    ) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self.told.note(sent=result is MetricExportResult.SUCCESS)
        return result


@asynccontextmanager
async def open_observer(wanted: Wanted) -> AsyncGenerator[Observer]:
    """Open what is sent, and send the rest at the end, for a few seconds at most."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    attributes = {
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
        **wanted.resource,
    }
    resource = Resource.create(attributes)
    closing: list[Callable[[], None]] = []
    tracers, meters = _tracers(wanted, resource, closing), _meters(wanted, resource, closing)
    try:
        yield Tracing(
            tracers.get_tracer(SCOPE, __version__), Meters(meters.get_meter(SCOPE, __version__))
        )
    finally:
        await _closed(closing)


def _tracers(
    wanted: Wanted, resource: Resource, closing: list[Callable[[], None]]
) -> AnyTracerProvider:
    if not wanted.traces:
        return NoOpTracerProvider()
    exporter = Spans(wanted.traces, wanted.headers)
    provider = TracerProvider(_sampler(wanted), resource, shutdown_on_exit=False)
    processor = BatchSpanProcessor(exporter, schedule_delay_millis=wanted.span_delay)
    provider.add_span_processor(processor)

    def close() -> None:
        if exporter.told.down:
            exporter.shutdown()  # type: ignore[no-untyped-call]  # what is left would wait for nothing
        provider.shutdown()

    closing.append(close)
    return provider


def _meters(
    wanted: Wanted, resource: Resource, closing: list[Callable[[], None]]
) -> AnyMeterProvider:
    if not wanted.metrics:
        return NoOpMeterProvider()
    exporter = Metrics(wanted.metrics, wanted.headers)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=wanted.metric_interval)
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)

    def close() -> None:
        if exporter.told.down:
            exporter.shutdown()
        provider.shutdown(timeout_millis=FLUSH * 1000)

    closing.append(close)
    return provider


def _sampler(wanted: Wanted) -> Sampler:
    name = wanted.sampler.removeprefix("parentbased_")
    samplers: Mapping[str, Sampler] = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
    root = samplers.get(name) or TraceIdRatioBased(wanted.ratio)
    return ParentBased(root) if name != wanted.sampler else root


async def _closed(closing: Sequence[Callable[[], None]]) -> None:
    """Close all, side by side, in threads that nobody waits for longer than `FLUSH`."""
    loop, waiting = asyncio.get_running_loop(), []
    for close in closing:
        done = loop.create_future()

        def work(close: Callable[[], None] = close, done: asyncio.Future[None] = done) -> None:
            try:
                close()
            finally:
                loop.call_soon_threadsafe(_set, done)

        threading.Thread(target=work, name="otel-flush", daemon=True).start()
        waiting.append(done)
    if waiting:
        _, late = await asyncio.wait(waiting, timeout=FLUSH)
        if late:
            log.warning("telemetry was dropped: it could not be sent before the stop")


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
