"""Do what a request asks for, and write what becomes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from claude_gateway.dialects.mcp.messages import Id, RpcError, answer, refusal
from claude_gateway.dialects.mcp.pages import Written
from claude_gateway.engine.telling import stopping, told
from claude_gateway.version import __version__
from claude_gateway.web.gateway import REQUEST_ID
from claude_gateway.web.mcp_server.scope import Scope

SERVER: Written = {"name": "claude_gateway", "title": "Claude Gateway", "version": __version__}


class Made(NamedTuple):
    """An answer, and the status that it has in the stateless era when it comes alone."""

    body: bytes
    status: int


async def made(request: web.Request, id_: Id, work: Callable[[], Awaitable[Written]]) -> Made:
    """Work, and write the result, or why there is none. Only a cancellation comes through."""
    try:
        return Made(answer(id_, await work()), 200)
    except RpcError as exc:
        return Made(refusal(id_, exc), exc.status)
    except Exception as exc:  # noqa: BLE001  # told() logs what nobody expected
        said = told(exc, request[REQUEST_ID], interrupting=False) or stopping()
    error = RpcError.of(said)
    return Made(refusal(id_, error), error.status)


def instructions(scope: Scope) -> str:
    """Say in a few words what a model finds here."""
    where = f"Files are those of the project {scope.caller.project_id!r}."
    if scope.names.only is not None:
        return f"The tools of {scope.names.only}, run by Claude Gateway. {where}"
    return (
        "The tools of all servers that Claude Gateway runs, called <server>__<tool>. "
        f"Resources are called gateway://<server>/<URI>. {where}"
    )
