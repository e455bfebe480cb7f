"""Load for a long time, and memory meanwhile: `scripts/bench --soak SECONDS`.

Chats, streams, streams in sessions and runs of a tool take turns. What is allocated once is so in
the first half; what grows in the second half goes on growing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmark import machine
from scripts.benchmark.orders import Plan
from scripts.benchmark.rounds import put, upstream
from scripts.benchmark.scenarios import Scenario
from scripts.benchmark.servers import GATEWAY, Running

MIXTURE = (
    Scenario("chat", 16),
    Scenario("stream", 16, stream=True),
    Scenario("session", 16, stream=True, kept=True),
    Scenario("tool", 4, tool=True),
)
# What the second half may add to memory, in MiB and as a share: noise of the allocator and of
# caches that are bounded. Of both, the larger.
MIB, SHARE = 4.0, 0.05
SAMPLES, BARS, WIDTH = 200, 40, 50


@dataclass(frozen=True, slots=True)
class Soak:
    """Memory over time: seconds and MiB; what was answered, and wrongly."""

    memory: Sequence[tuple[float, float]]
    answers: int
    errors: int
    error: str

    def growth(self) -> float:
        """MiB from the beginning of the second half to its end: medians of a tenth each."""
        values = [value for _, value in self.memory]
        tenth = max(1, len(values) // 10)
        middle = len(values) // 2
        return median(values[-tenth:]) - median(values[middle : middle + tenth])

    def allowed(self) -> float:
        """MiB that are no growth."""
        return max(MIB, SHARE * self.memory[len(self.memory) // 2][1])

    def good(self) -> bool:
        """Whether nothing was wrong and nothing grew."""
        return not self.errors and self.answers > 0 and self.growth() <= self.allowed()

    def picture(self) -> str:
        """Draw memory over time, a line for each piece of it."""
        step = max(1, len(self.memory) // BARS)
        shown = self.memory[::step]
        top = max(value for _, value in shown)
        return "\n".join(
            f"{at:8.0f} s {value:8.1f} MiB {'█' * round(value / top * WIDTH)}"
            for at, value in shown
        )


def soak(seconds: float, plan: Plan) -> Soak:
    """Load a gateway for so long."""
    found: list[dict[str, Any]] = []
    memory: list[tuple[float, float]] = []
    over = threading.Event()
    with upstream(plan.cores[1]) as rig, Running(GATEWAY, rig[0], plan.cores[:1]) as running:
        began = time.monotonic()

        def watch() -> None:
            while not over.wait(seconds / SAMPLES):
                memory.append((time.monotonic() - began, machine.memory(running.pids)))

        watching = threading.Thread(target=watch)
        watching.start()
        piece = replace(plan, seconds=max(0.5, min(10.0, seconds / 20)))
        try:
            while time.monotonic() - began < seconds:
                found += [put(running.order(scenario, piece, rig[1])) for scenario in MIXTURE]
        finally:
            over.set()
            watching.join()
    wrong = [one["error"] for one in found if one["errors"]]
    return Soak(
        memory,
        sum(one["answers"] for one in found),
        sum(one["errors"] for one in found),
        wrong[0] if wrong else "",
    )


def plot(found: Soak, file: Path) -> None:
    """Draw a PNG; needs matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # only who wants a picture needs it

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(*zip(*found.memory, strict=True))
    axes.axvline(found.memory[len(found.memory) // 2][0], linestyle=":")
    axes.set(
        xlabel="seconds", ylabel="MiB", title="memory of the gateway under load", ylim=(0, None)
    )
    figure.savefig(file)
