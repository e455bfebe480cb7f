"""POST /v1/runs/{run_id}/approvals/{tool_call_id}: whether a call of a tool is made."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from claude_gateway.dialects.fields import optional, parse_object, wrong
from claude_gateway.dialects.resources.reading import text
from claude_gateway.dialects.resources.runs import DECISIONS, LONGEST_REASON, written
from claude_gateway.errors import Conflict
from claude_gateway.runs.deciding import Verdict, asked_call, is_open
from claude_gateway.runs.live import LiveRun
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.addresses import seen_run
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.keeping import no_store, owner_of
from claude_gateway.web.operation import KEPT, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.runs import found, now_of


@Operation(takes="Decision", gives="Run", fails=(*KEPT, 410))
async def decide(request: web.Request) -> web.StreamResponse:
    """Approve or deny a call; the run goes on when nothing is undecided any more."""
    run, call_id = await _asked_run(request), request.match_info["tool_call_id"]
    verdict = read_verdict(parse_object(await read_json_body(request)))
    if verdict.remember:  # it holds for whoever chats in the session
        run = await found(request, "owner")
    deciding = request.app[GATEWAY].deciding
    if deciding is None:
        raise no_store()
    if isinstance(run, LiveRun):
        await deciding.decide(run, call_id, verdict)
    elif is_open(run, asked_call(run, call_id), verdict):
        raise Conflict(
            "The run waits in another process of the gateway; decide there.", code="run_elsewhere"
        )
    return json_reply(written(seen_run(request, now_of(run))))


async def _asked_run(request: web.Request) -> LiveRun | RunRecord:
    """Return the run. Its tools work in the name of who asked for it: others must own the project."""
    run = await found(request)
    record = run.record if isinstance(run, LiveRun) else run
    return await found(request, "editor" if record.payer == owner_of(request) else "owner")


def read_verdict(fields: Mapping[str, object]) -> Verdict:
    """Read it. Raises InvalidRequest naming what is wrong."""
    said = optional(fields, "decision", str)
    if said not in DECISIONS:
        wrong("decision", f"must be one of {', '.join(DECISIONS)}", code="unsupported_value")
    remember = fields.get("remember", False)
    if remember is not False and remember not in (None, "session"):
        wrong("remember", "must be false or session", code="unsupported_value")
    if remember and said != "approve":
        wrong("remember", "goes with approve only")
    reason = text(fields, "reason", LONGEST_REASON) or ""
    return Verdict(DECISIONS[str(said)], reason, remember == "session")
