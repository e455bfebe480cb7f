"""A line for each run that failed: what upstream did wrong, by code."""

from __future__ import annotations

import logging

from claude_gateway.interfaces import Observer
from claude_gateway.types.runs import Run

log = logging.getLogger(__name__)

# The client left; that is no failure.
LEFT = "cancelled"


class RunLog(Observer):
    """Writes to the ordinary log. A run that went well is in the access log already."""

    def run_ended(self, run: Run) -> None:
        """Say which run failed, and how."""
        if run.error is not None and run.error != LEFT:
            log.warning(
                "run failed",
                extra={
                    "run": run.id,
                    "request_id": run.request_id,
                    "model": run.model,
                    "backend": run.backend,
                    "code": run.error,
                    "retries": run.retries,
                },
            )
