"""A receiver of OTLP over real HTTP, and a gateway that sends to it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import pytest
import pytest_asyncio
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from claude_gateway.testing import FakeAnthropic, GatewayProcess
from claude_gateway.testing.raw import Response, ask

SOON = 20.0  # seconds
SERVER = Path(__file__).parent / "servers" / "shows_meta.py"
KEY = "gw-CANARY-otel"

# --- what arrives


def plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(plain(one) for one in value.array_value.values)
    return getattr(value, str(kind))


def attributes(pairs: Any) -> dict[str, Any]:
    found: list[KeyValue] = [*pairs]
    return {pair.key: plain(pair.value) for pair in found}


@dataclass(frozen=True)
class Seen:
    """A span, as it arrived."""

    span: Span

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def trace(self) -> str:
        return self.span.trace_id.hex()

    @property
    def id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def attributes(self) -> dict[str, Any]:
        return attributes(self.span.attributes)

    @property
    def failed(self) -> bool:
        return self.span.status.code == 2

    @property
    def traceparent(self) -> str:
        """What work of this span carries along, without the flags."""
        return f"00-{self.trace}-{self.id}-"


@dataclass
class Receiver:
    """Takes traces and metrics; `status` is what it answers."""

    port: int = 0
    status: int = 200
    spans: list[Seen] = field(default_factory=list)
    points: dict[str, list[HistogramDataPoint]] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/traces", self._traces)
        app.router.add_post("/v1/metrics", self._metrics)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_how: object) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def _traces(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if self.status == 200:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes(resource.resource.attributes))
                for scope in resource.scope_spans:
                    self.spans += [Seen(span) for span in scope.spans]
        return self._answer(ExportTraceServiceResponse().SerializeToString())

    async def _metrics(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if self.status == 200:
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:  # all that was counted so far
                        self.points[metric.name] = [*metric.histogram.data_points]
        return self._answer(ExportMetricsServiceResponse().SerializeToString())

    async def _body(self, request: web.Request) -> bytes:
        body = await request.read()
        self.headers.append(request.headers)
        self.bodies.append(body)
        return body

    def _answer(self, body: bytes) -> web.Response:
        return web.Response(
            status=self.status, body=body, headers={"Content-Type": "application/x-protobuf"}
        )

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something to have arrived."""
        async with asyncio.timeout(SOON):
            while not true():
                await asyncio.sleep(0.02)

    async def named(self, name: str, **wanted: object) -> Seen:
        """Wait for a span by its name, and by attributes, with _ for dots."""
        found: list[Seen] = []

        def there() -> bool:
            found[:] = [seen for seen in self.spans if seen.name == name and _has(seen, wanted)]
            return bool(found)

        await self.until(there)
        return found[-1]

    def children(self, parent: Seen) -> list[Seen]:
        """Return the spans right below one, in order of their beginnings."""
        below = [seen for seen in self.spans if seen.parent == parent.id]
        assert all(seen.trace == parent.trace for seen in below)
        return sorted(below, key=lambda seen: seen.span.start_time_unix_nano)

    def counted(self, name: str, **wanted: object) -> tuple[int, float]:
        """Return how many there were of a figure, and their sum."""
        fitting = [
            point
            for point in self.points.get(name, [])
            if wanted.items() <= _spelled(attributes(point.attributes)).items()
        ]
        return sum(point.count for point in fitting), sum(point.sum for point in fitting)

    async def becomes(self, name: str, count: int, **wanted: object) -> float:
        """Wait for so many of a figure, and return their sum."""
        await self.until(lambda: self.counted(name, **wanted)[0] == count)
        return self.counted(name, **wanted)[1]


def _spelled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace(".", "_"): value for name, value in found.items()}


def _has(seen: Seen, wanted: Mapping[str, object]) -> bool:
    return wanted.items() <= _spelled(seen.attributes).items()


# --- who sends


@dataclass(frozen=True)
class Site:
    """A gateway, its upstream, and where it sends to."""

    gateway: GatewayProcess
    upstream: FakeAnthropic
    receiver: Receiver

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        given = {"x-api-key": KEY, **(headers or {})}
        return await ask(self.gateway.port, method, path, body, given)

    async def tools(self) -> None:
        """Wait until the tool server is there."""
        async with asyncio.timeout(SOON):
            while not (await self.ask("GET", "/v1/mcp/servers/meta/tools")).json.get("tools"):
                await asyncio.sleep(0.02)

    async def request(self, response: Response) -> Seen:
        """Return the span of a request that was answered."""
        id_ = response.header("x-request-id")
        found: list[Seen] = []

        def there() -> bool:
            found[:] = [
                seen
                for seen in self.receiver.spans
                if seen.attributes.get("claude_gateway.request.id") == id_
            ]
            return bool(found)

        await self.receiver.until(there)
        return found[0]


@asynccontextmanager
async def opened(receiver: Receiver, **more: str) -> AsyncGenerator[Site]:
    """Open a gateway with the official MCP server as its tool server."""
    async with FakeAnthropic() as upstream:
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-api03-CANARY",
            "ANTHROPIC_BASE_URL": upstream.url,
            "GATEWAY_API_KEYS": KEY,
            "GATEWAY_MAX_RETRIES": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            **more,
        }
        gateway = GatewayProcess(env)
        config = gateway.folder / "data" / "mcp.json"
        config.parent.mkdir()
        entry = {"command": sys.executable, "args": [str(SERVER)]}
        config.write_text(json.dumps({"mcpServers": {"meta": entry}}))
        async with gateway:
            site = Site(gateway, upstream, receiver)
            await site.tools()
            yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncGenerator[Site]:
    async with Receiver() as receiver:
        headers = "api-key=sk-receiver-CANARY"
        async with opened(receiver, OTEL_EXPORTER_OTLP_HEADERS=headers) as site:
            yield site
        printed = site.gateway.output()
    assert b"CANARY" not in b"".join(receiver.bodies)
    assert "sk-receiver-CANARY" not in printed


class Opens(Protocol):
    def __call__(self, receiver: Receiver, **more: str) -> AbstractAsyncContextManager[Site]: ...


@pytest.fixture
def gateway_to() -> Opens:
    """Open a gateway that sends to a receiver."""
    return opened


@pytest_asyncio.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    """A receiver of one test's own."""
    async with Receiver() as receiver:
        yield receiver
