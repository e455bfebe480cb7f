"""What a record says: medians over its rounds, ratios between its servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

from scripts.benchmark import answers

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """The measurements of a record."""

    rows: Sequence[Row]

    def of(self, scenario: str, server: str) -> list[Row]:
        """Return the measurements of one server."""
        return [row for row in self.rows if (row["scenario"], row["server"]) == (scenario, server)]

    def servers(self) -> list[str]:
        """Return all servers, in the order in which they were measured first."""
        return list(dict.fromkeys(row["server"] for row in self.rows))

    def has(self, scenario: str) -> bool:
        """Whether the gateway was measured in a scenario."""
        return bool(self.of(scenario, "gateway"))

    def median(
        self, scenario: str, server: str, figure: Callable[[Row], float | None]
    ) -> float | None:
        """Return the median of a figure; None where it was never measured."""
        found = [value for row in self.of(scenario, server) if (value := figure(row)) is not None]
        return median(found) if found else None

    def ratio(
        self, scenario: str, figure: Callable[[Row], float | None], other: str = "floor"
    ) -> float | None:
        """Return the gateway's share of what another server has."""
        ours, theirs = (self.median(scenario, name, figure) for name in ("gateway", other))
        return ours / theirs if ours is not None and theirs else None

    def of_workers(self, scenario: str, workers: str) -> float | None:
        """Return how much several workers do against one, with a core for each of them."""
        count = int(workers.partition(" ")[0])
        one, all_ = (self.median(scenario, name, rate) for name in ("gateway", workers))
        left = self.median(scenario, workers, cores_left(count))
        return all_ / one * count / left if one and all_ is not None and left else None

    def errors(self) -> int:
        """Return how many answers were wrong, or did not come."""
        return sum(row.get("errors", 0) for row in self.rows)


def rate(row: Row) -> float:
    """Answers a second."""
    return float(row["answers"] / row["seconds"])


def cpu(row: Row) -> float | None:
    """Microseconds of the server's CPU for each answer."""
    return row["cpu"] / row["answers"] * 1e6 if row["answers"] else None


def delta_rate(row: Row) -> float:
    """Deltas a second."""
    return float(row["deltas"] / row["seconds"])


def delta_cpu(row: Row) -> float | None:
    """Microseconds of the server's CPU for each delta."""
    return row["cpu"] / row["deltas"] * 1e6 if row["deltas"] else None


def per_stream(connections: int) -> Callable[[Row], float]:
    """KiB of memory for each open stream."""
    return lambda row: float((row["memory"] - row["memory_before"]) * 1024 / connections)


def cores_left(workers: int) -> Callable[[Row], float]:
    """Cores that the rig left to so many workers: one each, where it had its own."""

    def figure(row: Row) -> float:
        if row["apart"]:
            return float(workers)
        return float(workers - row["busy"]["upstream"] - row["busy"]["generator"])

    return figure


def time_of(what: str, which: str) -> Callable[[Row], float | None]:
    """Milliseconds of `latency`, `first` or `delay`, at `p50`, `p99` or `most`."""

    def figure(row: Row) -> float | None:
        value: float | None = row[what][which]
        return value

    return figure


def plain(name: str) -> Callable[[Row], float | None]:
    """A figure as it was measured."""
    return lambda row: row[name]


def busy(side: str) -> Callable[[Row], float | None]:
    """The share of a core that a side took."""
    return lambda row: row["busy"][side]


def offered(connections: int, gap_ms: int) -> float:
    """Return the deltas a second that so many streams have at the pace of upstream."""
    return connections * 1e3 / gap_ms * answers.DELTAS / (answers.DELTAS + 1)
