"""A native request in whose turn the gateway runs tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from claude_gateway.dialects.anthropic import request as native
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.dialects.anthropic.tool_turns import ToolTurnStream, shown
from claude_gateway.dialects.exact import parsed
from claude_gateway.dialects.tool_fields import FIELD
from claude_gateway.dialects.visible import NOBODYS, owned
from claude_gateway.engine.thinking import binds
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.resources import Session
from claude_gateway.types.runs import Run
from claude_gateway.web.gateway import REQUEST_ID
from claude_gateway.web.looping import Scope
from claude_gateway.web.turn_tools import TurnTools, report, turn_tools, wants_events
from claude_gateway.web.wanted import LEFT_OUT


class NativeTools:
    """What such a request says upstream, and what its client sees of the answer.

    `fields` are the request's own, with the tools of both, and without what is the gateway's business.
    """

    def __init__(
        self, request: web.Request, asked: native.MessagesRequest, tools: TurnTools | None
    ) -> None:
        self._request = request
        self._tools = tools
        self.fields: dict[str, Any] = {k: v for k, v in parsed(asked.body).items() if k != FIELD}
        offered = tools.definitions if tools is not None else []
        theirs = _names(self.fields.get("tools"))
        mine = [tool for tool in offered if tool["name"] not in theirs]
        left_out = [str(tool["name"]) for tool in offered if tool["name"] in theirs]
        self.headers = {LEFT_OUT: ",".join(left_out)} if left_out else {}
        if mine:
            self.fields["tools"] = [*(self.fields.get("tools") or ()), *mine]
        self.own = owned([str(tool["name"]) for tool in mine], self.fields.get("tools"))

    def call(self, call: ModelRequest, model: ModelInfo) -> ModelRequest:
        """Return the client's own call with these fields."""
        params = {k: v for k, v in self.fields.items() if k not in ("model", "stream")}
        return replace(
            call,
            params=params,
            raw=None,
            affinity=call.affinity or self._request[REQUEST_ID],
            binds_thinking=binds(model),
            may_forget=not decides(self.fields),
        )

    def rounds(self, run: Run, *, parks: bool = False) -> ToolRounds | None:
        """Return what runs the turn; None when there is nothing to run."""
        return self._tools.rounds(run, self.own, parks=parks) if self._tools is not None else None

    def scope(self) -> Scope | None:
        """Return what of it outlives the request, for a turn that can wait."""
        return self._tools.scope(parks=True) if self._tools is not None else None

    def encoder(self, run: Run) -> MessageStream:
        """Return what writes the answer for the client."""
        return ToolTurnStream(self.own, _report(self._request, run))

    def shown(self, message: Mapping[str, object]) -> Mapping[str, object]:
        """Return what the client sees of a whole answer."""
        return shown(message, self.own)


async def native_tools(
    request: web.Request,
    asked: native.MessagesRequest,
    session: Session | None = None,
    *,
    parks: bool = False,
) -> NativeTools | None:
    """Return them; None when nobody has asked for any, so that the request can go up as it is.

    Raises InvalidRequest naming what is wrong with the request's choice.
    """
    if session is None and FIELD not in asked.fields:  # nearly always
        return None
    tools = await turn_tools(request, asked.fields, session, parks=parks)
    if tools is None and FIELD not in asked.fields:
        return None
    return NativeTools(request, asked, tools)


def decides(fields: Mapping[str, object]) -> bool:
    """Whether the client says itself what becomes of thinking that does not fit."""
    thinking = fields.get("thinking")
    return isinstance(thinking, dict) and "block_binding" in thinking


def watching(request: web.Request, run: Run) -> MessageStream:
    """Return what writes an answer without the gateway's tools."""
    told = _report(request, run)
    return MessageStream() if told is None else ToolTurnStream(NOBODYS, told)


def _report(request: web.Request, run: Run) -> Callable[[], Mapping[str, object]] | None:
    return partial(report, request, run) if wants_events(request) else None


def _names(tools: object) -> set[object]:
    return {
        t.get("name") for t in (tools if isinstance(tools, list) else ()) if isinstance(t, dict)
    }
