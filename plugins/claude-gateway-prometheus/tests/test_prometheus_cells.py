"""What is counted without locks is shown as prometheus_client's own would show it."""

from __future__ import annotations

import re

from claude_gateway_prometheus.cells import Level, Spreads, Sums
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics import exposition

BOUNDS = (0.005, 0.1, 1, 2.5, 600)
WORDS = st.sampled_from(["a", 'b"\n', "c"])
FIGURES = st.lists(st.tuples(WORDS, st.floats(0, 1000) | st.sampled_from(BOUNDS)))


def shown(registry: CollectorRegistry) -> list[str]:
    """Both formats, but for the moments at which a series began."""
    pages = generate_latest(registry), exposition.generate_latest(registry)
    return [re.sub(r"(_created\S* )\S+", r"\1-", page.decode()) for page in pages]


def ours(figures: list[tuple[str, float]]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    plain = Sums("plain", "Plain", registry=registry)
    named = Sums("named", "Named", ["of", "by"], registry=registry)
    level = Level("level", "Level", registry=registry)
    times = Spreads("times", "Times", registry=registry, buckets=BOUNDS)
    spread = Spreads("spread", "Spread", ["of"], registry=registry, buckets=BOUNDS)
    for name, figure in figures:
        plain.labels().value += figure
        named.labels(name, "x").value += 1
        level.value -= figure
        times.labels().observe(figure)
        spread.labels(name).observe(figure)
    return registry


def theirs(figures: list[tuple[str, float]]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    plain = Counter("plain", "Plain", registry=registry)
    named = Counter("named", "Named", ["of", "by"], registry=registry)
    level = Gauge("level", "Level", registry=registry)
    times = Histogram("times", "Times", registry=registry, buckets=BOUNDS)
    spread = Histogram("spread", "Spread", ["of"], registry=registry, buckets=BOUNDS)
    for name, figure in figures:
        plain.inc(figure)
        named.labels(name, "x").inc()
        level.dec(figure)
        times.observe(figure)
        spread.labels(name).observe(figure)
    return registry


@given(FIGURES)
def test_both_show_the_same_page(figures: list[tuple[str, float]]) -> None:
    assert shown(ours(figures)) == shown(theirs(figures))
