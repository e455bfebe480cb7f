"""One line for each request. No prompt, no secret, no query string."""

from __future__ import annotations

import logging

from aiohttp import web

from claude_gateway.web.gateway import PRINCIPAL, REQUEST_ID, RUN

log = logging.getLogger("claude_gateway.access")


def write(request: web.Request, status: int, seconds: float) -> None:
    """Say what was asked, by whom, and how it ended."""
    if not log.isEnabledFor(logging.INFO):
        return
    resource = request.match_info.route.resource
    fields: dict[str, object] = {
        "request_id": request[REQUEST_ID],
        "method": request.method,
        "route": resource.canonical if resource else "unknown",
        "status": status,
        "ms": round(seconds * 1000, 2),
    }
    if (principal := request.get(PRINCIPAL)) is not None:
        fields["principal"] = principal.id
    if (run := request.get(RUN)) is not None:
        fields |= {
            "run": run.id,
            "model": run.model,
            "stream": run.stream,
            "input_tokens": run.usage.prompt_tokens,
            "output_tokens": run.usage.output_tokens,
        }
        if run.first_token is not None:
            fields["first_token_ms"] = round((run.first_token - run.started) * 1000, 2)
        if run.retries:
            fields["retries"] = run.retries
        if run.error is not None:
            fields["error"] = run.error
    log.info("request", extra={"fields": fields})
