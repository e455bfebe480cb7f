"""The metrics of several workers, as those of one gateway."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from operator import add
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from claude_gateway import Shared

# What only ever grows; of everything else a worker that is gone has no part any more.
GROWING = ("counter", "histogram")
# States that all workers see, each at its own time, or that are one's when they are anybody's.
LARGEST = {
    "active_sessions",
    "budget_used_ratio",
    "claude_gateway_build_info",
    "gateway_draining",
    "health_check_age_seconds",
    "process_max_fds",
    "store_full",
    "store_size_bytes",
    "upstream_breaker_open",
}
SMALLEST = {"health_check_ok", "mcp_server_up", "process_start_time_seconds"}

Series = tuple[str, tuple[tuple[str, str], ...]]


def written(registry: CollectorRegistry) -> bytes:
    """Return all that is measured, for another worker to add up."""
    return json.dumps([_plain(family) for family in registry.collect()]).encode()


def _plain(family: Metric) -> list[object]:
    samples = [[sample.name, sample.labels, sample.value] for sample in family.samples]
    return [family.name, family.documentation, family.type, family.unit, samples]


class Together(Collector):
    """Adds up what workers have written."""

    def __init__(self, shared: Shared) -> None:
        self._living = [json.loads(body) for body in (shared.own, *shared.others)]
        self._gone = [json.loads(body) for body in shared.gone]

    def collect(self) -> Iterator[Metric]:
        """Yield each metric once."""
        metrics: dict[str, Metric] = {}
        sums: dict[str, dict[Series, float]] = {}
        for families, lives in [(f, True) for f in self._living] + [(f, False) for f in self._gone]:
            for name, help_, type_, unit, samples in families:
                if lives or type_ in GROWING:
                    metrics.setdefault(name, Metric(name, help_, type_, unit))
                    _add(sums.setdefault(name, {}), name, samples)
        for name, metric in metrics.items():
            for (sample, labels), value in sums[name].items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def together(shared: Shared) -> CollectorRegistry:
    """Return a registry that shows them."""
    registry = CollectorRegistry()
    registry.register(Together(shared))
    return registry


def _add(sums: dict[Series, float], family: str, samples: Sequence[Any]) -> None:
    for name, labels, value in samples:
        series = (name, tuple(labels.items()))
        before = sums.get(series)
        sums[series] = value if before is None else _rule(family, name)(before, value)


def _rule(family: str, sample: str) -> Callable[[float, float], float]:
    if family in SMALLEST or sample.endswith("_created"):
        return min
    return max if family in LARGEST else add
