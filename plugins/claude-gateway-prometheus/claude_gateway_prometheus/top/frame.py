"""One frame of `claude-gateway top`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from claude_gateway_prometheus.top.readings import Reading, quantile

ROUTES, MODELS = 8, 6
FIRST, WHOLE = "time_to_first_token_seconds", "run_duration_seconds"


def frame(
    url: str, now: Reading, grown: Reading, runs: Sequence[dict[str, Any]] | str
) -> RenderableType:
    """Show what there is, and what has happened since the reading before.

    `runs` is a sentence when they cannot be shown.
    """
    return Group(
        Text(f"claude-gateway at {url}", style="bold"),
        _overview(now, grown),
        _routes(grown),
        _models(grown),
        _runs(runs),
        *_troubles(now),
    )


def away(url: str, why: str) -> RenderableType:
    """Say that the gateway is not there."""
    return Group(Text(f"claude-gateway at {url}", style="bold"), Text(f"away: {why}", style="red"))


def _overview(now: Reading, grown: Reading) -> RenderableType:
    seconds = max(grown.at, 0.001)
    statuses = grown.by("api_responses_total", "status")
    errors = sum(count for status, count in statuses.items() if status.startswith("5"))
    output = grown.by("tokens_used_total", "type").get("output", 0.0)
    lines = {
        "requests": f"{grown.total('api_requests_total') / seconds:.1f}/s",
        "errors": f"{errors / seconds:.1f}/s",
        "streams": f"{now.total('streams_open'):.0f}",
        "turns": f"{now.total('runs_in_progress'):.0f}",
        "waiting": f"{now.total('turns_waiting'):.0f} turns, {now.total('approvals_waiting'):.0f} approvals",
        "output": f"{output / seconds:.1f} tokens/s",
        "cost": f"${now.total('token_cost_dollars_total'):.2f} since the start",
        "first token": f"p50 {_s(quantile(grown, FIRST, 0.5))}, p95 {_s(quantile(grown, FIRST, 0.95))}",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _routes(grown: Reading) -> RenderableType:
    table = Table("route", "requests/s", box=None)
    counted = grown.by("api_requests_total", "endpoint")
    for route, count in sorted(counted.items(), key=lambda one: -one[1])[:ROUTES]:
        if count:
            table.add_row(Text(route), f"{count / max(grown.at, 0.001):.1f}")
    return table


def _models(grown: Reading) -> RenderableType:
    table = Table("model", "turns", "first p50", "first p95", "whole p95", box=None)
    turns = grown.by(f"{WHOLE}_count", "model")
    for model, count in sorted(turns.items(), key=lambda one: -one[1])[:MODELS]:
        if count:
            first = [_s(quantile(grown, FIRST, share, model=model)) for share in (0.5, 0.95)]
            whole = _s(quantile(grown, WHOLE, 0.95, model=model))
            table.add_row(Text(model), f"{count:.0f}", *first, whole)
    return table


def _runs(runs: Sequence[dict[str, Any]] | str) -> RenderableType:
    if isinstance(runs, str):
        return Text(f"slowest runs: {runs}", style="dim")
    table = Table("slowest kept runs of this key", "model", "for", box=None)
    for run in runs:
        began = datetime.fromisoformat(run["created_at"])
        age = (datetime.now(UTC) - began).total_seconds()
        table.add_row(Text(run["id"]), Text(run["model"]), _s(age))
    return table


def _troubles(now: Reading) -> Iterator[RenderableType]:
    troubles = {
        "open circuits": [
            n for n, is_open in now.by("upstream_breaker_open", "backend").items() if is_open
        ],
        "failing checks": [n for n, ok in now.by("health_check_ok", "check").items() if not ok],
        "tools down": [n for n, up in now.by("mcp_server_up", "server").items() if not up],
    }
    for what, names in troubles.items():
        style = "red" if names else "green"
        yield Text(f"{what}: {', '.join(sorted(names)) or 'none'}", style=style)


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
