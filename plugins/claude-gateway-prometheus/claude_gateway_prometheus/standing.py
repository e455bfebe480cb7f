"""Gauges that are read when somebody asks: they cost a request nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from claude_gateway import Standing, StoreFigures

PLAIN = {
    "api_requests_in_progress": ("Requests that are being answered", "requests"),
    "streams_open": ("Streams of events that are open", "streams"),
    "turns_waiting": ("Turns that wait for an earlier turn of their session", "turns_waiting"),
    "turns_queued": ("Turns that wait for a place among those that are answered", "turns_queued"),
    "runs_awaiting_approval": ("Turns that wait for people", "runs_parked"),
    "approvals_waiting": ("Calls of tools that people have not decided about", "approvals"),
    "mcp_tool_calls_in_progress": ("Calls of tools that are under way", "tool_calls"),
    "gateway_draining": ("1 once the gateway was asked to stop", "draining"),
}


class StandingCollector(Collector):
    """What the gateway says when it is asked how things stand; nothing before it can be asked."""

    def __init__(self) -> None:
        self.look: Callable[[], Standing] | None = None

    def collect(self) -> Iterator[Metric]:
        """Ask, once for all of them."""
        if self.look is None:
            return
        now = self.look()
        for name, (help_, attribute) in PLAIN.items():
            yield GaugeMetricFamily(name, help_, float(getattr(now, attribute)))
        yield _servers(now)
        yield from _checks(now)
        yield _budgets(now)
        if now.store is not None:
            yield from _store(now.store)


def _servers(now: Standing) -> Metric:
    up = GaugeMetricFamily(
        "mcp_server_up", "1 while a server of tools can be used", labels=["server"]
    )
    for id_, status in now.servers.items():
        if status != "disabled":  # nobody wants it up
            up.add_metric([id_], float(status == "available"))
    return up


def _budgets(now: Standing) -> Metric:
    used = GaugeMetricFamily(
        "budget_used_ratio",
        "The highest share that is spent, of budgets that were used lately",
        labels=["kind"],
    )
    for kind, share in now.budgets.items():
        used.add_metric([kind], share)
    return used


def _checks(now: Standing) -> Iterator[Metric]:
    ok = GaugeMetricFamily("health_check_ok", "1 when a check is content", labels=["check"])
    age = GaugeMetricFamily(
        "health_check_age_seconds", "Time since a check was looked at", labels=["check"]
    )
    for look in now.checks:
        ok.add_metric([look.name], float(look.ok))
        age.add_metric([look.name], look.age)
    yield ok
    yield age


def _store(store: StoreFigures) -> Iterator[Metric]:
    yield CounterMetricFamily("store_changes", "Changes that were kept", store.changes)
    yield CounterMetricFamily(
        "store_failures",
        "Changes that could not be kept, for want of room or worse",
        store.failures,
    )
    yield GaugeMetricFamily(
        "store_full", "1 when the latest change found no room", float(store.full)
    )
    yield GaugeMetricFamily("store_size_bytes", "Size of the database with its log", store.size)
    buckets = [(str(seconds), float(count)) for seconds, count in store.within]
    buckets.append(("+Inf", float(store.commits)))
    yield HistogramMetricFamily(
        "store_commit_seconds",
        "Time of transactions, until the disk has them",
        buckets=buckets,
        sum_value=store.seconds,
    )
