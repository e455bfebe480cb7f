"""The tools that the gateway runs in a turn: those that the request or its session asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from aiohttp import web
from multidict import istr

from claude_gateway.defaults.loop_settings import TOOL_SEARCH
from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.tool_fields import INSIDE, AskedTools, asked_tools
from claude_gateway.dialects.visible import Owned
from claude_gateway.errors import InvalidRequest
from claude_gateway.loop.finding import stand_ins
from claude_gateway.loop.rounds import ToolRounds
from claude_gateway.loop.telling import usage_of
from claude_gateway.toolbox import Choice, Entry, Toolbox, choices_of
from claude_gateway.types.resources import DEFAULT_PROJECT, Session
from claude_gateway.types.runs import Run, cost_of
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of
from claude_gateway.web.looping import Scope, rounds_of
from claude_gateway.web.tool_scope import chosen

EVENTS = istr("x-gateway-events")
CANNOT_WAIT = (
    "must be never here: only a run that is kept can wait for a person. Send session_id, or "
    "on_disconnect: detach, in a request of chat completions or messages"
)


class TurnTools:
    """What takes part in one turn, by names on the wire; `definitions` are what models are told."""

    def __init__(
        self,
        request: web.Request,
        entries: Sequence[Entry],
        asked: AskedTools,
        session: Session | None,
        *,
        hide: bool = False,
    ) -> None:
        """`asked` is the request's choice; the session, as it will be stored, has its own.

        `hide` tells models only how to find the tools, but for those that a person is asked about.
        """
        offered = [*stand_ins(), *filter(_waits, entries)] if hide else entries
        self.definitions = [entry.definition for entry in offered]
        self._entries = {entry.wire_name: entry for entry in offered}
        self._request = request
        self._asked = asked
        self._session = session

    @property
    def labels(self) -> dict[str, tuple[str, str]]:
        """Return the server and the tool there, by names on the wire."""
        return {name: (entry.server, entry.tool.name) for name, entry in self._entries.items()}

    def scope(self, *, parks: bool = False) -> Scope:
        """Return what of this outlives the request; `parks` says whether the turn may wait."""
        session, caller = self._session, owner_of(self._request)
        return Scope(
            session.owner if session else caller,
            choices_of(self._request[PRINCIPAL], None, *_choices(self._request, self._asked)),
            session.id if session else None,
            session.project_id if session else DEFAULT_PROJECT,
            self._asked.audited,
            self._asked.approval,
            parks,
            None if session is None or session.owner == caller else caller,
        )

    def rounds(self, run: Run, own: Owned, *, parks: bool = False) -> ToolRounds:
        """Return what runs the turn; `own` are the names whose calls are the gateway's to answer."""
        tools = {name: self._entries[name] for name in own.names}
        scope = self.scope(parks=parks)
        return rounds_of(self._request.app[GATEWAY], scope, run.id, (own, tools))


async def turn_tools(
    request: web.Request,
    fields: Mapping[str, object],
    session: Session | None = None,
    *,
    parks: bool = False,
) -> TurnTools | None:
    """Return the tools that take part; None when nobody has asked for any, or the key may run none.

    `parks` says whether the turn can wait for a person. Raises InvalidRequest naming what is wrong with
    the request's choice.
    """
    asked = asked_tools(fields)
    if "tools" not in request[PRINCIPAL].scopes:
        return None
    if asked is not None and asked.approval != "never" and not parks:
        wrong(f"{INSIDE}approval", CANNOT_WAIT, code="approval_needs_run")
    if asked is None and not _has_chosen(session):
        return None
    toolbox, principal = request.app[GATEWAY].toolbox, request[PRINCIPAL]
    asked = asked or AskedTools()
    own = choices_of(principal)
    entries = await toolbox.entries(*own)
    _check(toolbox, asked, own, entries)
    choices = choices_of(principal, session, *_choices(request, asked))
    entries = [entry for entry in entries if all(choice.allows(entry) for choice in choices)]
    above = request.app[GATEWAY].settings[TOOL_SEARCH]
    names = {entry.wire_name for entry in entries}
    hide = 0 < above < len(entries) and _named(fields.get("tool_choice")) not in names
    hide = hide and _nobody_is_asked(asked, session)
    return TurnTools(request, entries, asked, session, hide=hide)


def wants_events(request: web.Request, *, asked: bool = False) -> bool:
    """Whether the client wants to see what the gateway does in the turn."""
    wish = request.headers.get(EVENTS)
    if wish is None:
        return asked
    said = wish.lower()
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


def _named(choice: object) -> object:
    """Return the name of the tool that a `tool_choice` demands, in any dialect."""
    if not isinstance(choice, dict):
        return None
    inner = choice.get("function")
    return inner.get("name") if isinstance(inner, dict) else choice.get("name")


def _waits(entry: Entry) -> bool:
    """Whether a person is asked about a tool: what parks a turn is called by itself."""
    return entry.tool.approval != "never"


def _nobody_is_asked(asked: AskedTools, session: Session | None) -> bool:
    return asked.approval == "never" and (session is None or session.approval == "never")


def _choices(request: web.Request, asked: AskedTools) -> tuple[Choice, ...]:
    named = chosen(request, asked.profile, f"{INSIDE}profile")
    return (Choice.of(asked.servers, asked.tools), *named)


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
