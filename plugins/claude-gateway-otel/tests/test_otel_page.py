"""docs/tracing.md tells of every attribute that is sent, and of none that is not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/tracing.md").read_text("utf-8")
SOURCES = [*ROOT.glob("plugins/claude-gateway-otel/claude_gateway_otel/*.py")]
NAME = r"(?:gen_ai|http|server|error|claude_gateway)(?:\.[a-z_]+)+"
FIGURES = {"meters.py"}  # the plugin's own page has these


def test_every_attribute_is_on_the_page_and_no_other() -> None:
    sent = {
        name
        for source in SOURCES
        if source.name not in FIGURES
        for name in re.findall(rf'"({NAME})"', source.read_text("utf-8"))
    }
    assert len(sent) > 20
    assert set(re.findall(rf"`({NAME})`", PAGE)) == sent
