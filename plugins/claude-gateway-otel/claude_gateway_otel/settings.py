"""OpenTelemetry's own variables, as far as the gateway knows them by itself.

What else the SDK and its exporters read (`OTEL_EXPORTER_OTLP_TIMEOUT`, `…_COMPRESSION`, `…_CERTIFICATE`, `OTEL_BSP_*`)
counts as well, when it is set in the environment of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from claude_gateway import Setting, Settings

SECTION = "OpenTelemetry"
DAY = 86_400_000.0
SERVICE = "claude-gateway"
TRACES, METRICS = "/v1/traces", "/v1/metrics"
SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)


class Hidden(dict[str, str]):
    """Headers, whose values nobody is shown."""

    def __repr__(self) -> str:
        return f"Hidden({', '.join(self)})"


def url(raw: str) -> str:
    """An http(s) URL without a slash at its end."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", raw):
        raise ValueError("wants a URL such as http://localhost:4318, without a user or query")
    return raw.rstrip("/")


def pairs(raw: str) -> Mapping[str, str]:
    """Pairs such as `name=value,other=value`; values may be percent-encoded."""
    found: dict[str, str] = {}
    for part in filter(str.strip, raw.split(",")):
        name, found_equals, value = part.partition("=")
        if not name.strip() or not found_equals:
            raise ValueError("wants pairs such as name=value, separated by commas")
        found[name.strip()] = unquote(value.strip())
    return found


def headers(raw: str) -> Hidden:
    """Headers, as pairs."""
    found = pairs(raw)
    if not all(part.isascii() and part.isprintable() for pair in found.items() for part in pair):
        raise ValueError("has characters that a header cannot have")
    return Hidden({name.lower(): value for name, value in found.items()})


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts only `choices`."""

    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"wants one of {', '.join(choices)}, not {raw!r}")
        return raw

    return parse


def flag(raw: str) -> bool:
    """OpenTelemetry takes `true` for yes, in any case, and everything else for no."""
    return raw.strip().lower() == "true"


def ratio(raw: str) -> float:
    """A share of all traces."""
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"wants a number from 0 to 1, not {raw!r}")
    return value


def milliseconds(raw: str) -> float:
    """A positive duration."""
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0 < value <= DAY:
        raise ValueError(f"wants milliseconds, more than none, not {raw!r}")
    return value


ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    url,
    "",
    "Where traces and metrics are sent, by OTLP over HTTP. Empty: nothing is traced or measured for OpenTelemetry.",
    SECTION,
    example="http://localhost:4318",
)
TRACES_ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    url,
    "",
    "The whole URL for traces, where it is another one.",
    SECTION,
)
METRICS_ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    url,
    "",
    "The whole URL for metrics, where it is another one.",
    SECTION,
)
HEADERS: Setting[Mapping[str, str]] = Setting(
    "OTEL_EXPORTER_OTLP_HEADERS",
    headers,
    Hidden(),
    "Headers to send along, such as the key of a service: name=value, separated by commas.",
    SECTION,
)
PROTOCOL = Setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    one_of("http/protobuf"),
    "http/protobuf",
    "The only protocol spoken here.",
    SECTION,
)
TRACES_EXPORTER = Setting(
    "OTEL_TRACES_EXPORTER", one_of("otlp", "none"), "otlp", "none: no traces.", SECTION
)
METRICS_EXPORTER = Setting(
    "OTEL_METRICS_EXPORTER", one_of("otlp", "none"), "otlp", "none: no metrics.", SECTION
)
SERVICE_NAME = Setting(
    "OTEL_SERVICE_NAME", str, "", f"What this gateway is called. Empty: {SERVICE}.", SECTION
)
RESOURCE: Setting[Mapping[str, str]] = Setting(
    "OTEL_RESOURCE_ATTRIBUTES",
    pairs,
    {},
    "What else is said of this gateway: name=value, separated by commas.",
    SECTION,
    example="deployment.environment.name=home",
)
SAMPLER = Setting(
    "OTEL_TRACES_SAMPLER",
    one_of(*SAMPLERS),
    "parentbased_always_on",
    f"Which traces are kept: {', '.join(SAMPLERS)}.",
    SECTION,
)
SAMPLER_ARG = Setting(
    "OTEL_TRACES_SAMPLER_ARG", ratio, 1.0, "The share that a ratio keeps, from 0 to 1.", SECTION
)
SPAN_DELAY = Setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    milliseconds,
    5_000.0,
    "Milliseconds for which spans are collected before they are sent.",
    SECTION,
)
METRIC_INTERVAL = Setting(
    "OTEL_METRIC_EXPORT_INTERVAL",
    milliseconds,
    60_000.0,
    "Milliseconds from one sending of metrics to the next.",
    SECTION,
)
DISABLED = Setting("OTEL_SDK_DISABLED", flag, False, "true: off, whatever else is set.", SECTION)

ALL: tuple[Setting[object], ...] = (
    ENDPOINT,
    TRACES_ENDPOINT,
    METRICS_ENDPOINT,
    HEADERS,
    PROTOCOL,
    TRACES_EXPORTER,
    METRICS_EXPORTER,
    SERVICE_NAME,
    RESOURCE,
    SAMPLER,
    SAMPLER_ARG,
    SPAN_DELAY,
    METRIC_INTERVAL,
    DISABLED,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is sent where; "" is nowhere. Durations are in milliseconds."""

    traces: str
    metrics: str
    headers: Mapping[str, str] = field(repr=False)
    resource: Mapping[str, str]
    sampler: str
    ratio: float
    span_delay: float
    metric_interval: float

    def __bool__(self) -> bool:
        return bool(self.traces or self.metrics)


def wanted(settings: Settings) -> Wanted:
    """Read what is wanted; false when that is nothing."""
    off = settings[DISABLED]

    def place(own: Setting[str], path: str, exporter: Setting[str]) -> str:
        if off or settings[exporter] == "none":
            return ""
        base = settings[ENDPOINT]
        return settings[own] or (base and base + path)

    said = settings[RESOURCE]
    name = settings[SERVICE_NAME] or said.get("service.name") or SERVICE
    return Wanted(
        place(TRACES_ENDPOINT, TRACES, TRACES_EXPORTER),
        place(METRICS_ENDPOINT, METRICS, METRICS_EXPORTER),
        settings[HEADERS],
        {**said, "service.name": name},
        settings[SAMPLER],
        settings[SAMPLER_ARG],
        settings[SPAN_DELAY],
        settings[METRIC_INTERVAL],
    )
