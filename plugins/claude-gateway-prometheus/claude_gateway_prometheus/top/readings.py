"""What a gateway's /metrics says, at one time and between two."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from prometheus_client.parser import text_string_to_metric_families

Labels: TypeAlias = tuple[tuple[str, str], ...]
PATIENCE = 5.0  # seconds
NEWEST = 1  # of a list: enough to know how long it is
SLOWEST = 5


class Away(Exception):
    """The gateway cannot be read; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All figures of one page, by name and labels. `at` is in monotonic seconds."""

    at: float
    figures: Mapping[str, Mapping[Labels, float]]

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return a figure summed up by a label; an empty label sums up all."""
        found: dict[str, float] = defaultdict(float)
        for labels, value in self.figures.get(name, {}).items():
            found[dict(labels).get(label, "")] += value
        return dict(found)

    def total(self, name: str) -> float:
        """Return the sum of all series of a name; 0 when there is none."""
        return sum(self.figures.get(name, {}).values())

    def since(self, before: Reading) -> Reading:
        """Return how much each series has grown. A counter that fell has begun anew, at 0."""
        grown = {
            name: {
                labels: value - was if value >= (was := old.get(labels, 0.0)) else value
                for labels, value in series.items()
            }
            for name, series in self.figures.items()
            for old in (before.figures.get(name, {}),)
        }
        return Reading(self.at - before.at, grown)


@dataclass(frozen=True, slots=True)
class Source:
    """Where to read, and with which key."""

    url: str
    key: str = field(default="", repr=False)

    def reading(self) -> Reading:
        """Read the page. Raises Away."""
        page = self._get("/metrics").decode("utf-8", "replace")
        figures: dict[str, dict[Labels, float]] = defaultdict(dict)
        try:
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    figures[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
        except ValueError:
            raise Away(f"{self.url}/metrics is no page of metrics") from None
        return Reading(time.monotonic(), figures)

    def slowest(self) -> list[dict[str, Any]]:
        """Return the kept runs of this key that have gone on for longest, the slowest first.

        Raises Away, also where nothing is kept.
        """
        total = self._runs(NEWEST, 0)["total"]
        runs: list[dict[str, Any]] = self._runs(SLOWEST, max(0, total - SLOWEST))["runs"]
        return runs[::-1]

    def _runs(self, limit: int, offset: int) -> Any:
        return json.loads(self._get(f"/v1/runs?status=running&limit={limit}&offset={offset}"))

    def _get(self, path: str) -> bytes:
        headers = {"x-api-key": self.key} if self.key else {}
        request = Request(f"{self.url}{path}", headers=headers)  # noqa: S310  # checked by the command
        try:
            # No proxy stands between a gateway and who looks at it.
            with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE) as answer:
                body: bytes = answer.read()
        except HTTPError as exc:
            exc.close()
            hint = "; is the key right?" if exc.code in (401, 403) else ""
            raise Away(f"{path.partition('?')[0]} answers {exc.code}{hint}") from None
        except (URLError, OSError, ValueError) as exc:
            raise Away(f"{self.url} cannot be read: {getattr(exc, 'reason', exc)}") from None
        return body


def quantile(grown: Reading, metric: str, share: float, **only: str) -> float | None:
    """Return a quantile of what a histogram counted meanwhile, as Prometheus reckons it.

    None when it counted nothing; the last bound when it lies beyond that.
    """
    buckets: dict[float, float] = defaultdict(float)
    for labels, count in grown.figures.get(f"{metric}_bucket", {}).items():
        known = dict(labels)
        if all(known.get(name) == value for name, value in only.items()):
            buckets[float(known["le"])] += count
    bounds = sorted(buckets)
    wanted = share * (buckets[bounds[-1]] if bounds else 0)
    low = below = 0.0
    for bound in bounds:
        if wanted and buckets[bound] >= wanted:
            inside = buckets[bound] - below
            return low if bound == float("inf") else low + (bound - low) * (wanted - below) / inside
        low, below = bound, buckets[bound]
    return None
