"""What the gateway is meant to reach, and whether a run did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.benchmark.figures import Figures, per_stream, plain, rate, time_of
from scripts.benchmark.tables import TWO, number, table

P99 = time_of("delay", "p99")
LATENCY = time_of("latency", "p50")


@dataclass(frozen=True, slots=True)
class Target:
    """One figure, and its bound: at least so much, or at most."""

    words: str
    figure: Callable[[Figures], float | None]
    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def bound(self) -> str:
        """Return the bound in words."""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


def _over_floor(scenario: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, rate)


def _over_peer(scenario: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, rate, "litellm")


def _delay(scenario: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.ratio(scenario, P99)


def _kept(figures: Figures) -> float | None:
    without, kept = (figures.median(name, "gateway", rate) for name in ("stream100", "session100"))
    return kept / without if without and kept is not None else None


def _first(figures: Figures) -> float | None:
    figure = time_of("first", "p50")
    without, kept = (figures.median(name, "gateway", figure) for name in ("stream1", "session1"))
    return kept - without if without is not None and kept is not None else None


def _tool(figures: Figures) -> float | None:
    one, both = (figures.median(name, "gateway", LATENCY) for name in ("chat1", "tool1"))
    return both - 2 * one if one is not None and both is not None else None


def _workers(scenario: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.of_workers(scenario, TWO)


TARGETS = (
    *(
        Target(f"chat, {n} connections, against the floor", _over_floor(f"chat{n}"), least=0.7)
        for n in (16, 100)
    ),
    *(
        Target(f"streams in a burst, {n} connections", _over_floor(f"stream{n}"), least=0.8)
        for n in (16, 100)
    ),
    *(
        Target(f"{n:,} streams at 50 deltas/s, p99 of the delay", _delay(f"paced{n}-20ms"), most=2)
        for n in (100, 500, 1000)
    ),
    Target(
        "memory for each of 1,000 streams, KiB",
        lambda figures: figures.median("paced1000-20ms", "gateway", per_stream(1000)),
        most=60,
    ),
    Target("streams in sessions against without, 100 connections", _kept, least=0.8),
    Target("first text in a session, ms more", _first, most=2),
    Target("a tool and its round over two chats, ms more", _tool, most=3),
    *(
        Target(f"{words}: two workers on two cores against one", _workers(name), least=1.8)
        for words, name in (
            ("chats", "workers-chat100"),
            ("streams", "workers-stream100"),
            ("streams in sessions", "workers-session100"),
        )
    ),
    Target(
        "start to the first right answer, s",
        lambda figures: figures.median("start", "gateway", plain("start")),
        most=1,
    ),
    Target(
        "memory at the start, MiB",
        lambda figures: figures.median("start", "gateway", plain("memory")),
        most=70,
    ),
    Target("chat against LiteLLM, 16 connections", _over_peer("chat16"), least=30),
    Target("streams against LiteLLM, 16 connections", _over_peer("stream16"), least=60),
)


def verdicts(figures: Figures) -> str:
    """Return a table of all targets that were measured."""
    rows = []
    for target in TARGETS:
        value = target.figure(figures)
        if value is not None:
            met = "✓" if target.met(value) else "✗"
            rows.append([target.words, target.bound(), number(value), met])
    return table(["", "target", "measured", "met"], rows)
