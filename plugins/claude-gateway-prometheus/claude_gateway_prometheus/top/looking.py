"""Look again and again, until Ctrl-C."""

from __future__ import annotations

import threading
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live

from claude_gateway_prometheus.top.frame import away, frame
from claude_gateway_prometheus.top.readings import Away, Reading, Source


class Top:
    """Compares each reading with the one before."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._before: Reading | None = None

    def frame(self) -> RenderableType:
        """Read once and show it. Raises Away."""
        now = self._source.reading()
        before, self._before = self._before or now, now
        try:
            return frame(self._source.url, now, now.since(before), self._source.slowest())
        except Away as exc:
            return frame(self._source.url, now, now.since(before), str(exc))


def once(source: Source, interval: float) -> None:
    """Print one frame, of what happens within an interval. Raises Away."""
    top = Top(source)
    top.frame()
    threading.Event().wait(interval)
    Console().print(top.frame())


def live(source: Source, interval: float) -> None:
    """Show frames until Ctrl-C; a gateway that is away may come back."""
    top, console = Top(source), Console()
    with (
        suppress(KeyboardInterrupt),
        Live(console=console, screen=console.is_terminal, auto_refresh=False) as shown,
    ):
        while True:
            try:
                found = top.frame()
            except Away as exc:
                found = away(source.url, str(exc))
            shown.update(found, refresh=True)
            threading.Event().wait(interval)
