"""What docs/performance.md shows of records: cog puts it there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.benchmark.figures import Figures
from scripts.benchmark.tables import number, table, tables
from scripts.benchmark.targets import verdicts

FOLDER = Path(__file__).parent.parent.parent / "docs/performance"
MEASURED, LAYERS = FOLDER / "measured.json", FOLDER / "layers.json"
QUIET = 0.1


def read(file: Path) -> dict[str, Any]:
    """Read a record."""
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def conditions(record: dict[str, Any]) -> str:
    """Return where and how it was measured."""
    machine, plan = record["machine"], record["plan"]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    server, rig = plan["cores"]
    where = (
        "The servers had no core of their own."
        if server is None
        else f"Servers ran on core {server}, upstream and load generator on core {rig}."
    )
    others = [row["others"] for row in record["rows"] if "others" in row]
    disturbed = sum(share > QUIET for share in others)
    return (
        f"{record['when']}, {machine['cores']} cores ({machine['processor']}), {machine['system']}, "
        f"Python {machine['python']}; {versions}. Medians of {plan['rounds']} rounds of "
        f"{plan['seconds']:g} s. {where} In {disturbed} of {len(others)} measurements other programs "
        f"took more than {QUIET:.0%} of these cores; then ratios of CPU say more than rates.\n"
    )


def what_was_on(record: dict[str, Any]) -> str:
    """Return what the gateway did besides, as its behaviour showed after the run."""
    return table(["", ""], list(record["on"].items())).replace("--:", "---")


def measured(file: Path = MEASURED) -> str:
    """Return everything that a run of the benchmark found."""
    record = read(file)
    figures = Figures(record["rows"])
    wrong = figures.errors()
    asked = sum(row.get("answers", 0) for row in record["rows"])
    parts = (
        conditions(record),
        what_was_on(record),
        f"{asked:,} answers were measured, {wrong} were wrong or missing.\n",
        tables(figures),
        "### Targets\n",
        verdicts(figures),
    )
    return "\n".join(parts)


def layers(file: Path = LAYERS) -> str:
    """Return what each layer costs."""
    record = read(file)
    rows = [
        [name, *(number(cost.get(per)) if per in cost else "" for per in ("request", "delta"))]
        for name, cost in record["layers"].items()
    ]
    return (
        f"{record['when']}, Python {record['python']}, the best of some rounds:\n\n"
        f"{table(['layer', 'µs per request', 'µs per delta'], rows)}"
    )
