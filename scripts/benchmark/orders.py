"""What the load generator is told, and what it tells: JSON between two processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# How often a generator that waits for the end of its window looks at memory, in seconds.
LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often, and where. Times are in seconds.

    `again` is how often a measurement that others disturbed is made anew.
    """

    rounds: int = 2
    warm_up: float = 0.7
    seconds: float = 2.0
    again: int = 0
    cores: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Order:
    """Load to put on one server. Times are in seconds.

    `body` may hold HOLE, which is another word in every question. `served_by`, `upstream` and
    `cores` are only watched: the processes of the server, the fake upstream's, and the cores of the
    server and, last, of the rig; None where there is no choice.
    """

    port: int
    body: str
    headers: Mapping[str, str]
    stream: bool
    connections: int
    gap_ms: int
    warm_up: float
    seconds: float
    served_by: Sequence[int] = ()
    upstream: int = 0
    cores: Sequence[int | None] = (None, None)
    most: int = 0  # stop after so many answers; 0 is no limit


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers are spread; in milliseconds. None where there were none."""

    p50: float | None = None
    p99: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it.

    `delay` is how long a delta was on its way from upstream's send to its arrival here. CPU is in
    seconds, memory in MiB; `busy` are the shares of a core that the server, the upstream and the
    generator took, `others` what anybody else took of these cores. `taken_apart` answers were not
    the same bytes as one before.
    """

    answers: int
    errors: int
    error: str
    seconds: float
    deltas: int
    latency: Spread
    first: Spread
    delay: Spread
    cpu: float
    memory_before: float
    memory: float
    busy: Mapping[str, float]
    others: float
    taken_apart: int


HOLE = "@@another-word-in-every-question@@"


def spread(seconds: Sequence[float]) -> Spread:
    """Return how times are spread."""
    if not seconds:
        return Spread()
    ordered, last = sorted(seconds), len(seconds) - 1
    p50, p99 = (ordered[min(last, int(len(seconds) * share))] for share in (0.5, 0.99))
    return Spread(*(round(value * 1e3, 4) for value in (p50, p99, ordered[-1])))
