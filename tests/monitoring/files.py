"""What is shipped for monitoring, read; and the programs that it is tried with."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/monitoring"
DASHBOARD = FOLDER / "grafana/dashboards/claude-gateway.json"
THRESHOLD = re.compile(r"(.*\S)\s+(?:==|<|>)\s+\S+", re.DOTALL)


@dataclass(frozen=True)
class Alert:
    """One rule."""

    name: str
    expr: str
    annotations: dict[str, str]

    @property
    def figure(self) -> str:
        """What the rule looks at, without the threshold."""
        found = THRESHOLD.fullmatch(self.expr)
        assert found, self.expr
        return found[1]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def alerts() -> list[Alert]:
    rules = [rule for group in load(FOLDER / "alerts.yml")["groups"] for rule in group["rules"]]
    return [Alert(rule["alert"], rule["expr"], rule["annotations"]) for rule in rules]


def panels() -> Iterator[tuple[str, str]]:
    """The title and the expression of every query of the dashboard."""
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def program(name: str) -> str:
    """Where it is. Without it a test is skipped, but not where everything is tested."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing: apt-get install prometheus")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package: prometheus)")
    return found
