"""/v1/chat/completions/{session_id}: how a session's turn is doing, and how to stop it."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.dialects.resources.writing import cost, moment
from claude_gateway.types.sharing import whose
from claude_gateway.web.addresses import place_of, seen_session
from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.runs import is_running
from claude_gateway.web.siblings import at_home
from claude_gateway.web.turns import the_runs


@Operation(gives="ChatStatus")
async def chat_status(request: web.Request) -> web.StreamResponse:
    """Say how the session is doing: its totals, its choices, whether a turn is under way."""
    session_id = request.match_info["session_id"]
    who, id_ = place_of(request, session_id)
    session = await the_runs(request).store.get_session(who, id_)
    seen = seen_session(request, session)
    return json_reply(
        {
            "session_id": seen.id,
            "project_id": seen.project_id,
            "model": session.model,
            "is_running": is_running(request, session.owner, session.id),
            "total_tokens": session.total_tokens,
            "total_cost": cost(session.total_cost, session.unpriced_runs),
            "message_count": session.message_count,
            "created_at": moment(session.created_at),
            "updated_at": moment(session.updated_at),
            "enabled_servers": list(session.enabled_servers or ()),
            "enabled_tools": list(session.enabled_tools or ()),
        }
    )


@Operation(gives="Stopped")
async def stop_chat(request: web.Request) -> web.StreamResponse:
    """Stop the session's turn, if one is under way; what was said is kept."""
    session_id, runs = request.match_info["session_id"], the_runs(request)
    who, id_ = place_of(request, session_id)
    await runs.store.get_session(who, id_, "editor")
    at_home(request, id_)
    live = runs.in_session(whose(who), id_)
    if live is not None:
        live.cancel()
        await live.over()
    return json_reply(
        {
            "session_id": session_id,
            "stopped": live is not None,
            "run_id": live.record.id if live is not None else None,
        }
    )
