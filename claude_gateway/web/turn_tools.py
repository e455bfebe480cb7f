"""The tools that the gateway runs in a turn: those that the request or its session asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from aiohttp import web

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.tool_fields import INSIDE, AskedTools, asked_tools
from claude_gateway.dialects.visible import Owned
from claude_gateway.errors import InvalidRequest
from claude_gateway.loop.limits import Meter
from claude_gateway.loop.making import Making
from claude_gateway.loop.memory import Memory, NoMemory, SessionMemory
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.loop.telling import usage_of
from claude_gateway.runs.outcome import cost_of
from claude_gateway.toolbox import Choice, Entry, Toolbox, choices_of
from claude_gateway.types.resources import DEFAULT_PROJECT, Session
from claude_gateway.types.runs import Run
from claude_gateway.types.tools import ToolCall
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of, project_of, store_of

EVENTS = "x-gateway-events"


class TurnTools:
    """What takes part in one turn, by names on the wire; `definitions` are what models are told."""

    def __init__(
        self,
        request: web.Request,
        entries: Sequence[Entry],
        asked: AskedTools,
        session: Session | None,
    ) -> None:
        """`asked` is the request's choice; the session, as it will be stored, has its own."""
        self.definitions = [entry.definition for entry in entries]
        self._entries = {entry.wire_name: entry for entry in entries}
        self._request = request
        self._asked = asked
        self._session = session

    @property
    def labels(self) -> dict[str, tuple[str, str]]:
        """Return the server and the tool there, by names on the wire."""
        return {name: (entry.server, entry.tool.name) for name, entry in self._entries.items()}

    def rounds(self, run: Run, own: Owned) -> ToolRounds:
        """Return what runs the turn; `own` are the names whose calls are the gateway's to answer."""
        gateway = self._request.app[GATEWAY]
        making = Making(
            gateway.toolbox,
            choices_of(self._request[PRINCIPAL], None, _choice(self._asked)),
            self._on_behalf(run),
            self._folder,
            self._kept(),
            gateway.ids.execution,
        )
        meter = Meter(gateway.tool_limits, lambda run: cost_so_far(self._request, run))
        tools = {name: self._entries[name] for name in own.names}
        return ToolRounds(own, tools, making, self._memory(), meter)

    def _on_behalf(self, run: Run) -> ToolCall:
        session = self._session
        return ToolCall(
            {},
            owner_of(self._request),
            session.id if session else None,
            session.project_id if session else DEFAULT_PROJECT,
            run_id=run.id,
            audited=self._asked.audited,
        )

    def _kept(self) -> KeptCalls | None:
        if self._session is None:
            return None
        owner, toolbox = owner_of(self._request), self._request.app[GATEWAY].toolbox
        return KeptCalls(store_of(self._request), toolbox, owner, self._session.id)

    def _memory(self) -> Memory:
        if self._session is None:
            return NoMemory()
        new_id = self._request.app[GATEWAY].ids.message
        return SessionMemory(
            store_of(self._request), owner_of(self._request), self._session.id, new_id
        )

    async def _folder(self) -> str:
        if self._request.app[GATEWAY].store is None:
            return ""
        project = self._session.project_id if self._session else DEFAULT_PROJECT
        return (await project_of(self._request, project)).path


async def turn_tools(
    request: web.Request, fields: Mapping[str, object], session: Session | None = None
) -> TurnTools | None:
    """Return the tools that take part; None when nobody has asked for any.

    Raises InvalidRequest naming what is wrong with the request's choice.
    """
    asked = asked_tools(fields)
    if asked is None and not _has_chosen(session):
        return None
    toolbox, principal = request.app[GATEWAY].toolbox, request[PRINCIPAL]
    asked = asked or AskedTools()
    own = choices_of(principal)
    entries = await toolbox.entries(*own)
    _check(toolbox, asked, own, entries)
    choices = choices_of(principal, session, _choice(asked))
    entries = [entry for entry in entries if all(choice.allows(entry) for choice in choices)]
    return TurnTools(request, entries, asked, session)


def wants_events(request: web.Request, *, asked: bool = False) -> bool:
    """Whether the client wants to see what the gateway does in the turn."""
    said = request.headers.get(EVENTS, "").lower()
    if said not in ("", "true", "false"):
        raise InvalidRequest(
            f"{EVENTS} must be true or false.", code="invalid_header", param=EVENTS
        )
    return asked or said == "true"


def cost_so_far(request: web.Request, run: Run) -> Decimal | None:
    """Return what a turn has cost, None when nobody knows."""
    return cost_of(run, request.app[GATEWAY].price)


def report(request: web.Request, run: Run) -> dict[str, object]:
    """Say what a turn has used and cost so far."""
    return usage_of(run, cost_so_far(request, run))


def _choice(asked: AskedTools) -> Choice:
    return Choice.of(asked.servers, asked.tools)


def _has_chosen(session: Session | None) -> bool:
    if session is None:
        return False
    return session.enabled_tools is not None or session.enabled_servers is not None


def _check(
    toolbox: Toolbox, asked: AskedTools, choices: Sequence[Choice], entries: Sequence[Entry]
) -> None:
    """Refuse names of what is not there, or not for this caller, who may use `entries`."""
    for i, id_ in enumerate(asked.servers or ()):
        if id_ not in toolbox.servers or not all(choice.reaches(id_) for choice in choices):
            _unknown(f"{INSIDE}enabled_servers[{i}]", "tool server", id_)
    known = {name for entry in entries for name in (entry.wire_name, entry.tool.name)}
    for i, name in enumerate(asked.tools or ()):
        if name not in known:
            _unknown(f"{INSIDE}enabled_tools[{i}]", "tool", name)


def _unknown(path: str, kind: str, name: str) -> None:
    wrong(path, f"names a {kind} that is not here: {name[:100]!r}", code="tool_not_found")
