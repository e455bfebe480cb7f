"""Compare work with its ceilings, and say what has grown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What may be more: this share, or this much where there is little of it.
SHARE, LITTLE = 0.10, 0.5
# How many functions the ceilings tell apart, those that do the most.
TOLD = 40
RENEW = ".venv/bin/python -m tests.work.measure --renew"


def grown(name: str, found: Mapping[str, Any], ceiling: Mapping[str, Any]) -> list[str]:
    """Return a paragraph for each figure that is above its ceiling."""
    return [
        _told(name, figure, found, ceiling)
        for figure, most in ceiling.items()
        if figure != "by function" and found[figure] > max(most * (1 + SHARE), most + LITTLE)
    ]


def _told(what: str, figure: str, found: Mapping[str, Any], ceiling: Mapping[str, Any]) -> str:
    lines = [
        f"{what} takes {found[figure]:g} {figure}; it took {ceiling[figure]:g}. What has grown:"
    ]
    now, before = (one["by function"].get(figure, {}) for one in (found, ceiling))
    # What the ceilings do not tell was less than all that they do.
    untold = min(before.values()) if len(before) >= TOLD else 0
    more = {function: count - before.get(function, untold) for function, count in now.items()}
    largest = sorted(more, key=more.__getitem__, reverse=True)[:8]
    lines += [f"  {more[name]:+10.2f}  {name}" for name in largest if more[name] > 0]
    lines.append(f"Is it worth that? Then: {RENEW}")
    return "\n".join(lines)
