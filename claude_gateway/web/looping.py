"""What runs the tools of a turn, made from what outlives the request that asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.defaults.loop_settings import APPROVAL_TIME
from claude_gateway.dialects.visible import Owned
from claude_gateway.loop.approving import Approving
from claude_gateway.loop.limits import Meter
from claude_gateway.loop.making import Making
from claude_gateway.loop.memory import Memory, NoMemory, SessionMemory
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.toolbox import Choice, Entry
from claude_gateway.types.approvals import Approval
from claude_gateway.types.resources import DEFAULT_PROJECT, Session
from claude_gateway.types.runs import cost_of
from claude_gateway.types.sharing import Visitor
from claude_gateway.types.tools import ToolCall
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.keeping import no_store, project_in


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom a turn's tools work, and where. `choices` are the caller's and the request's.

    `approval` is what the request wants for all calls; `parks` says whether the turn can wait for it.
    `caller` is in whose name tools are called, where that is not the owner of the session.
    """

    owner: str
    choices: tuple[Choice, ...]
    session_id: str | None = None
    project_id: str = DEFAULT_PROJECT
    audited: bool = False
    approval: Approval = "never"
    parks: bool = False
    caller: str | None = None

    def on_behalf(self, run_id: str) -> ToolCall:
        """Return a call without arguments, in words of the caller's."""
        who = Visitor(self.caller or self.owner, self.owner)
        session = None if self.session_id is None else who.calls(self.session_id)
        project = who.calls(self.project_id)
        return ToolCall({}, who.id, session, project, run_id=run_id, audited=self.audited)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a turn works."""

    gateway: Gateway
    scope: Scope

    async def folder(self) -> str:
        store, scope = self.gateway.store, self.scope
        if store is None:
            return ""
        return (await project_in(store, scope.owner, scope.project_id)).path

    async def session(self) -> Session | None:
        if self.gateway.store is None or self.scope.session_id is None:
            return None
        return await self.gateway.store.get_session(self.scope.owner, self.scope.session_id)

    def kept(self) -> KeptCalls | None:
        if self.scope.session_id is None:
            return None
        if self.gateway.store is None:
            raise no_store()
        gateway, scope = self.gateway, self.scope
        return KeptCalls(self.gateway.store, gateway.toolbox, scope.owner, self.scope.session_id)

    def memory(self) -> Memory:
        if self.scope.session_id is None:
            return NoMemory()
        if self.gateway.store is None:
            raise no_store()
        return SessionMemory(
            self.gateway.store, self.scope.owner, self.scope.session_id, self.gateway.ids.message
        )


def rounds_of(
    gateway: Gateway, scope: Scope, run_id: str, tools: tuple[Owned, Mapping[str, Entry]]
) -> ToolRounds:
    """Return what runs a turn with these tools: whose calls are answered, and which can be run."""
    place = _Place(gateway, scope)
    on_behalf = scope.on_behalf(run_id)
    approving = Approving(
        gateway.toolbox,
        scope.choices,
        scope.approval,
        place.session,
        gateway.settings[APPROVAL_TIME],
        scope.parks,
    )
    making = Making(
        gateway.toolbox,
        scope.choices,
        on_behalf,
        place.folder,
        place.kept(),
        gateway.ids.execution,
        approving,
    )
    meter = Meter(gateway.tool_limits, lambda run: cost_of(run, gateway.price))
    return ToolRounds(*tools, making, place.memory(), meter)
