"""How far a turn with tools may go. No model knows when to stop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from claude_gateway import sse
from claude_gateway.defaults import loop_settings as names
from claude_gateway.settings import Settings
from claude_gateway.types.runs import Run


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a turn may call tools (`rounds`), and the same with the same arguments (`repeats`).

    `seconds` and US `dollars` are of the whole turn; 0 is no limit of these.
    """

    rounds: int = 25
    seconds: float = 1800.0
    dollars: Decimal = Decimal(0)
    repeats: int = 3


def limits_of(settings: Settings) -> Limits:
    """Return the limits as the settings want them."""
    return Limits(
        settings[names.TOOL_ROUNDS],
        settings[names.TOOL_TURN],
        settings[names.TOOL_BUDGET],
        settings[names.TOOL_REPEATS],
    )


class Meter:
    """Watches one turn. `price` says what it has cost so far, None when nobody knows."""

    def __init__(self, limits: Limits, price: Callable[[Run], Decimal | None]) -> None:
        self._limits = limits
        self._price = price
        self._rounds = 0
        self._called: Counter[tuple[str, bytes]] = Counter()
        self.exceeded = ""  # why the turn has to come to its end, as a sentence for the model

    def cost(self, run: Run) -> Decimal | None:
        """Return what the turn has cost so far."""
        return self._price(run)

    def round(self, run: Run) -> None:
        """Count a round that calls tools."""
        self._rounds += 1
        left, limits = self.left(run), self._limits
        if left is not None and left <= 0:
            self.exceeded = f"This turn has taken its {limits.seconds:g} seconds."
        elif limits.dollars and (self._price(run) or 0) >= limits.dollars:
            self.exceeded = f"This turn has cost its {limits.dollars:f} US dollars."

    @property
    def full(self) -> bool:
        """Whether no further round may call tools."""
        return bool(self.exceeded) or self._rounds >= self._limits.rounds

    def left(self, run: Run) -> float | None:
        """Return how many seconds the turn has left; None is any number."""
        if not self._limits.seconds:
            return None
        return run.started + self._limits.seconds - time.monotonic()

    def kept(self) -> dict[str, object]:
        """Return what was counted, as JSON."""
        called = [[name, said.decode(), often] for (name, said), often in self._called.items()]
        return {"rounds": self._rounds, "called": called}

    def restore(self, rounds: int, called: Iterable[tuple[str, str, int]]) -> None:
        """Go on counting from what `kept` returned."""
        self._rounds = rounds
        for name, said, often in called:
            self._called[name, said.encode()] = often

    def again(self, name: str, arguments: Mapping[str, object]) -> str:
        """Count a call; say why it must not be made, if it has been made too often."""
        key = (name, sse.compact(arguments))
        self._called[key] += 1
        most = self._limits.repeats
        if self._called[key] <= most:
            return ""
        self.exceeded = f"{name} was called with the same arguments more than {most} times."
        return self.exceeded
