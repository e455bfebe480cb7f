"""What a run leaves: what was measured, on what, and what was on meanwhile."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.benchmark import machine
from scripts.benchmark.figures import Row
from scripts.benchmark.orders import Plan
from scripts.benchmark.servers import Running

PACKAGES = ("claude-gateway", "aiohttp", "orjson", "uvloop")
COUNTED = re.compile(r"^api_requests_total\{[^}]*chat[^}]*\} ([\d.e+]+)", re.MULTILINE)


def conditions(running: Running) -> dict[str, str]:
    """Return what was on in the gateway that was measured, as its behaviour shows."""
    refused, _ = running.get("/v1/models", keyed=False)
    metrics, page = running.get("/metrics")
    counted = sum(float(value) for value in COUNTED.findall(page))
    kept, sessions = running.get("/v1/sessions?limit=1")
    logged = sum(1 for text in running.printed().splitlines() if '"/v1/chat/completions"' in text)
    total = json.loads(sessions).get("total", 0)
    return {
        "authentication": "on: 401 without a key" if refused == 401 else f"OFF: {refused}",  # noqa: PLR2004
        "log": f"on: {logged} lines of chats" if logged else "OFF",
        "metrics": f"on: {counted:.0f} chats counted" if metrics == 200 and counted else "OFF",  # noqa: PLR2004
        "store": f"on: {total} sessions kept" if kept == 200 else f"OFF: {kept}",  # noqa: PLR2004
    }


def about_machine() -> dict[str, str]:
    """Return what the machine is."""
    return {
        "processor": machine.processor(),
        "cores": str(len(machine.cores()) or os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def record(
    rows: Sequence[Row], plan: Plan, on: Mapping[str, str], more: Mapping[str, str]
) -> dict[str, Any]:
    """Return a record. `more` are versions besides those of our own packages."""
    return {
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": about_machine(),
        "versions": {**{name: version(name) for name in PACKAGES}, **more},
        "on": dict(on),
        "plan": asdict(plan),
        "rows": list(rows),
    }


def write(path: Path, written: Mapping[str, Any]) -> None:
    """Write a record, a measurement a line."""
    rows = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in written["rows"])
    head = json.dumps({**written, "rows": []}, indent=1).removesuffix("[]\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}[\n  {rows}\n ]\n}}\n", "utf-8")
