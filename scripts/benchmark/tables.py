"""Tables of a record, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scripts.benchmark.figures import (
    Figures,
    busy,
    cores_left,
    cpu,
    delta_cpu,
    delta_rate,
    offered,
    per_stream,
    plain,
    rate,
    time_of,
)
from scripts.benchmark.scenarios import BY_NAME, Scenario

OURS, TWO = "gateway", "2 workers"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is words, and the others are figures."""
    written = list(rows)
    if not written:
        return ""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *written]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines) + "\n"


def number(value: float | None, unit: str = "") -> str:
    """Return a figure with as many places as matter."""
    if value is None:
        return "-"
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{places}f}{unit}"


def compared(figures: Figures) -> list[str]:
    """Return the servers that do the same, which several workers of one do not."""
    return [name for name in figures.servers() if name != TWO]


def measured(figures: Figures) -> list[Scenario]:
    """Return the scenarios of a record."""
    return [scenario for name, scenario in BY_NAME.items() if figures.has(name)]


def answers_table(figures: Figures) -> str:
    """Chats and bursts: what a core can do."""
    servers = compared(figures)
    others = [name for name in servers if name != OURS]
    head = ["answers/s", *servers, *(f"{OURS} / {name}" for name in others)]
    costs = [f"CPU µs, {name}" for name in servers]
    rows = []
    for scenario in measured(figures):
        if scenario.gap_ms or scenario.start or not scenario.for_all:
            continue
        kind = "stream in a burst" if scenario.stream else "chat"
        rows.append(
            [
                f"{kind}, {scenario.connections} connection{'s' * (scenario.connections > 1)}",
                *(number(figures.median(scenario.name, name, rate)) for name in servers),
                *(number(figures.ratio(scenario.name, rate, name)) for name in others),
                *(number(figures.median(scenario.name, name, cpu)) for name in servers),
            ]
        )
    return table([*head, *costs], rows)


def paced_table(figures: Figures) -> str:
    """Open streams at the pace of a model: what the server adds to a delta's way."""
    servers = compared(figures)
    head = ["added delay p50 / p99, ms", *servers, "p99 ratio", "kept up"]
    more = [f"CPU µs a delta, {name}" for name in servers]
    memory = [f"KiB a stream, {name}" for name in servers]
    rows = []
    for scenario in measured(figures):
        if not scenario.gap_ms:
            continue
        name, wanted = scenario.name, offered(scenario.connections, scenario.gap_ms)
        kept = figures.median(name, OURS, delta_rate)
        where = " in sessions" if scenario.kept else ""
        rows.append(
            [
                f"{scenario.connections:,} streams{where}, {1000 // scenario.gap_ms} deltas/s each",
                *(_delay(figures, name, server) for server in servers),
                number(figures.ratio(name, time_of("delay", "p99"))),
                "-" if kept is None else f"{min(1.0, kept / wanted):.0%}",
                *(number(figures.median(name, server, delta_cpu)) for server in servers),
                *(
                    number(figures.median(name, server, per_stream(scenario.connections)))
                    for server in servers
                ),
            ]
        )
    return table([*head, *more, *memory], rows)


def _delay(figures: Figures, name: str, server: str) -> str:
    p50, p99 = (figures.median(name, server, time_of("delay", which)) for which in ("p50", "p99"))
    return "-" if p50 is None else f"{number(p50)} / {number(p99)}"


def kept_table(figures: Figures) -> str:
    """In a session against without one."""
    pairs = [
        ("first text, one at a time, ms", "stream1", "session1", time_of("first", "p50")),
        ("streams in a burst, 100 connections, answers/s", "stream100", "session100", rate),
        ("CPU of one of those, µs", "stream100", "session100", cpu),
        ("100 streams at 50 deltas/s, deltas/s", "paced100-20ms", "session-paced100-20ms", delta_rate),
        ("CPU of one of their deltas, µs", "paced100-20ms", "session-paced100-20ms", delta_cpu),
    ]  # fmt: skip
    rows = []
    for words, without, kept, figure in pairs:
        one, other = (figures.median(name, OURS, figure) for name in (without, kept))
        if one and other is not None:
            rows.append([words, number(one), number(other), number(other / one)])
    return table(["", "without a session", "in one", "ratio"], rows)


def tool_table(figures: Figures) -> str:
    """A round with a tool against two calls of the model without."""
    latency = time_of("latency", "p50")
    one, both = (figures.median(name, OURS, latency) for name in ("chat1", "tool1"))
    if one is None or both is None:
        return ""
    head = ["one at a time, median", "ms"]
    rows = [
        ["a chat", number(one)],
        ["a chat in which the gateway runs a tool: two calls of the model", number(both)],
        ["what the tool and its round add to two chats", number(both - 2 * one)],
    ]
    return table(head, rows)


def start_table(figures: Figures) -> str:
    """From nothing to the first right answer."""
    servers = [name for name in figures.servers() if figures.of("start", name)]
    rows = [
        ["start to the first right answer, s", *_each(figures, servers, "start")],
        ["memory then, MiB", *_each(figures, servers, "memory")],
    ]
    return table(["", *servers], rows if servers else [])


def _each(figures: Figures, servers: Sequence[str], name: str) -> list[str]:
    return [number(figures.median("start", server, plain(name))) for server in servers]


def workers_table(figures: Figures) -> str:
    """Two workers against one. Where the rig had no core of its own, it had a part of theirs."""
    rows = []
    for scenario in filter(lambda one: one.workers, measured(figures)):
        one, two = (figures.median(scenario.name, name, rate) for name in (OURS, TWO))
        if not one or two is None:
            continue
        words = (
            "streams in sessions" if scenario.kept else "streams" if scenario.stream else "chats"
        )
        rows.append(
            [
                f"{words}, {scenario.connections} connections",
                *(number(figure) for figure in (one, two, two / one)),
                number(figures.median(scenario.name, TWO, cores_left(2))),
                number(figures.of_workers(scenario.name, TWO)),
                *(number(figures.median(scenario.name, name, cpu)) for name in (OURS, TWO)),
            ]
        )
    head = ["answers/s", "1 worker", TWO, "ratio", "cores that these could have", "with 2 cores"]
    return table([*head, "CPU µs, 1 worker", f"CPU µs, {TWO}"], rows)


def rig_table(figures: Figures) -> str:
    """How busy each side was while the gateway was measured: shares of a core."""
    rows = []
    for scenario in measured(figures):
        if scenario.start or scenario.workers:
            continue
        shares = [
            figures.median(scenario.name, OURS, busy(side))
            for side in ("server", "upstream", "generator")
        ]
        shares.append(figures.median(scenario.name, OURS, plain("others")))
        rows.append([scenario.name, *("-" if s is None else f"{s:.0%}" for s in shares)])
    return table(["", OURS, "upstream", "load generator", "other programs"], rows)


def tables(figures: Figures) -> str:
    """All tables, those that have something to say."""
    parts = (
        answers_table,
        paced_table,
        kept_table,
        tool_table,
        workers_table,
        start_table,
        rig_table,
    )
    return "\n".join(written for part in parts if (written := part(figures)))
