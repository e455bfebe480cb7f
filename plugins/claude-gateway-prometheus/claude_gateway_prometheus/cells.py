"""Metrics of what happens in every request: shown as prometheus_client's own, but without their locks.

All of them are counted, and read, in the event loop's thread, and what each figure costs is what
every request pays.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Sum:
    """A figure; `value` is there to be added to. `created` is in seconds since 1970."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.created = time.time()
        self.value = 0.0


class Spread:
    """How many figures lay between bounds, and their sum. `created` is in seconds since 1970."""

    __slots__ = ("_bounds", "counts", "created", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.created = time.time()
        self.counts = [0] * len(bounds)
        self.total = 0.0
        self._bounds = bounds

    def observe(self, figure: float) -> None:
        """Take a figure into account."""
        self.counts[bisect_left(self._bounds, figure)] += 1
        self.total += figure


class Sums(Collector):
    """Counters of one name, by labels."""

    def __init__(
        self, name: str, what: str, labels: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        self._about = name, what
        self._labels = tuple(labels)
        self._all: dict[tuple[str, ...], Sum] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> Sum:
        """Return the figure of these labels, which is kept from now on."""
        found = self._all.get(values)
        if found is None:
            found = self._all[values] = Sum()
        return found

    def collect(self) -> Iterator[Metric]:
        """Show all."""
        family = CounterMetricFamily(*self._about, labels=self._labels)
        for values, figure in self._all.items():
            family.add_metric(values, figure.value, figure.created)
        yield family


class Level(Sum, Collector):
    """A gauge without labels."""

    __slots__ = ("_about",)

    def __init__(self, name: str, what: str, *, registry: CollectorRegistry) -> None:
        super().__init__()
        self._about = name, what
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Show it."""
        yield GaugeMetricFamily(*self._about, self.value)


class Spreads(Collector):
    """Histograms of one name, by labels."""

    def __init__(
        self,
        name: str,
        what: str,
        labels: Sequence[str] = (),
        *,
        registry: CollectorRegistry,
        buckets: Sequence[float],
    ) -> None:
        self._about = name, what
        self._labels = tuple(labels)
        self._bounds = (*buckets, math.inf)
        self._all: dict[tuple[str, ...], Spread] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> Spread:
        """Return the figures of these labels, which are kept from now on."""
        found = self._all.get(values)
        if found is None:
            found = self._all[values] = Spread(self._bounds)
        return found

    def collect(self) -> Iterator[Metric]:
        """Show all."""
        name, what = self._about
        bounds = [floatToGoString(bound) for bound in self._bounds]
        family = HistogramMetricFamily(name, what, labels=self._labels)
        for values, spread in self._all.items():
            counts = map(float, accumulate(spread.counts))
            family.add_metric(values, [*zip(bounds, counts, strict=True)], spread.total)
            of = dict(zip(self._labels, values, strict=True))
            family.add_sample(f"{name}_created", of, spread.created)
        yield family
