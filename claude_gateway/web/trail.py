"""Headers that say what it took to answer, on every response whose head has not been sent yet."""

from __future__ import annotations

from claude_gateway.types.runs import Run

RETRIES = "x-gateway-retries"
FALLBACK = "x-gateway-fallback"
WARNING = "x-budget-warning"
NAMES = (RETRIES, FALLBACK, WARNING)


def trail(run: Run) -> dict[str, str]:
    """Return what went otherwise than at the first try, and budgets that are nearly spent; mostly nothing."""
    found: dict[str, str] = {}
    if run.retries:
        found[RETRIES] = str(run.retries)
    if run.warning:
        found[WARNING] = run.warning
    if run.fallback is not None:
        found[FALLBACK] = f"{run.model} -> {run.fallback}"
    return found
