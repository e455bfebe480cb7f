"""The rounds of a turn with tools: what the model calls is run, and it is asked again with the results.

A failing tool is a result that the model reads. Only the gateway's own tools are run here. A turn that
calls one of the client's as well is the client's to go on with: where the conversation is kept the
gateway's calls are run, and their results wait for the client's; where it is not they are left out of
what the client sees, and the model can ask for them again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from claude_gateway import sse
from claude_gateway.engine.pauses import PAUSES
from claude_gateway.engine.rounds import Block, Turn
from claude_gateway.engine.tally import mapping
from claude_gateway.loop.approving import EXPIRED, NOBODY
from claude_gateway.loop.asking import Asked, refused, unmade
from claude_gateway.loop.caching import moved_on
from claude_gateway.loop.limits import Meter
from claude_gateway.loop.making import Making
from claude_gateway.loop.memory import Memory
from claude_gateway.loop.telling import called, came, gave, text_of, usage_of
from claude_gateway.toolbox import Entry, Outcome
from claude_gateway.types.approvals import AskedCall
from claude_gateway.types.events import Activity
from claude_gateway.types.requests import ModelRequest
from claude_gateway.types.resources import STOPPED

log = logging.getLogger(__name__)

CALLS = "tool_use"
ENDED = "end_turn"
LEAST = 0.01  # seconds of a call that has just begun
NOBODYS = "There is no tool called {name}, or it may not be used here."
NO_MORE = "{why} No more tools can be called in this turn: answer with what you have."


class ToolRounds:
    """Runs one turn's calls. `gave` is what the tools gave as text, and whether that is an error."""

    def __init__(
        self,
        own: Container[object],
        tools: Mapping[str, Entry],
        making: Making,
        memory: Memory,
        meter: Meter,
    ) -> None:
        """`own` are the names whose calls are answered here, `tools` those that can be run."""
        self.gave: dict[str, tuple[str, bool]] = {}
        self.memory = memory
        self.own = own
        self.tools = tools
        self.meter = meter
        self.parked: tuple[Turn, Sequence[AskedCall]] | None = None
        self._decided: Mapping[str, AskedCall] = {}
        self._goes_on = False
        self._making = making
        self._last = False

    def possible(self, request: ModelRequest) -> bool:
        """Any answer may call a tool."""
        return bool(self.own) or PAUSES.possible(request)

    async def following(self, turn: Turn) -> ModelRequest | None:
        """Run what was called, and ask again; None when the turn is over, or the client's."""
        own = [call for call in turn.calls() if call.get("name") in self.own]
        if not own or turn.stop_reasons[-1] != CALLS:
            return await PAUSES.following(turn)
        theirs = len(own) < len(turn.calls())
        if theirs and not self.memory.lasting:
            return None
        if any(_arguments(call) is None for call in own):
            self._warn(turn, "a tool was called with what is no JSON object")
            turn.ends_as = None if theirs else ENDED
            return None
        if not self._goes_on and await self._parks(turn, own):
            return None
        results = await self._answered(turn, own)
        if theirs or self._last:
            turn.ends_as = None if theirs else ENDED
            return None
        return self._asked_again(turn, results)

    def decided(self, calls: Sequence[AskedCall]) -> None:
        """Go on with a turn that was parked: its next step is to make the calls, as was decided."""
        self._decided, self._goes_on = {call.id: call for call in calls}, True

    async def _parks(self, turn: Turn, calls: Sequence[Block]) -> bool:
        """Keep what was said; return whether a person has to be asked before any call is made."""
        turn.tell(Activity("usage", usage_of(turn.run, self.meter.cost(turn.run))))
        self.meter.round(turn.run)
        await self.memory.said(turn, [str(call["id"]) for call in calls])
        if self._last or self.meter.exceeded:
            return False
        needed = await self._making.approving.needed(
            [asked for call in calls if (asked := self._asked(turn, call)) is not None]
        )
        if not needed:
            return False
        if self._making.approving.parks:
            self.parked, turn.run.parked = (turn, needed), True
            return True
        self._decided = {call.id: call for call in needed}
        return False

    async def _answered(self, turn: Turn, calls: Sequence[Block]) -> Sequence[Block]:
        """Run calls side by side, and return their results in the order of the calls."""
        tasks = [asyncio.ensure_future(self._result(turn, call)) for call in calls]
        try:
            results: Sequence[Block] = await asyncio.gather(*tasks)
        except BaseException:  # most likely nobody wants the answer any more
            await self.memory.heard(turn, await _stopped(tasks, calls))
            raise
        await self.memory.heard(turn, results)
        if any(call.decision == "expired" for call in self._decided.values()):
            self.meter.exceeded = self.meter.exceeded or EXPIRED
        self._decided, self._goes_on = {}, False
        return results

    async def _result(self, turn: Turn, call: Block) -> Block:
        asked = self._asked(turn, call)
        if asked is None:
            id_, name = str(call["id"]), str(call["name"])
            outcome = unmade(name, NOBODYS.format(name=name))
            self.gave[id_] = (text_of(outcome), True)
            return outcome.block(id_)
        turn.tell(called(asked))
        outcome = await self._outcome(asked)
        self.gave[asked.id] = (text_of(outcome), outcome.result.is_error)
        turn.tell(gave(asked, outcome))
        return outcome.block(asked.id)

    def _asked(self, turn: Turn, call: Block) -> Asked | None:
        """Return what is asked for; None when nobody has such a tool."""
        entry, left = self.tools.get(str(call["name"])), self.meter.left(turn.run)
        if entry is None:
            return None
        asked = Asked(
            str(call["id"]),
            entry,
            _arguments(call) or {},
            lambda progress: turn.tell(came(asked, progress), instead=asked.id),
            None if left is None else max(left, LEAST),
        )
        return asked

    async def _outcome(self, asked: Asked) -> Outcome:
        why = self.meter.exceeded
        if self._last:
            why = "This call was not made."
        elif not why:
            why = self.meter.again(asked.entry.wire_name, asked.arguments)
        if why:
            return refused(asked, NO_MORE.format(why=why))
        if why := await self._objection(asked):
            return refused(asked, why)
        return await self._making.make(asked)

    async def _objection(self, asked: Asked) -> str:
        """Say why nobody's approval lets the call be made, "" when it may be."""
        decided = self._decided.get(asked.id)
        if self._goes_on:
            return await self._making.approving.objection(asked, decided)
        return NOBODY if decided is not None else ""

    def _asked_again(self, turn: Turn, results: Sequence[Block]) -> ModelRequest:
        """Ask with the results. What was forced is done: from now on the model decides."""
        request = turn.continued({"role": "user", "content": [*results]})
        choice = mapping(request.params.get("tool_choice"))
        if self.meter.full:
            self._last = True
            self._warn(turn, self.meter.exceeded or "a turn has had all its rounds")
            choice = {"type": "none"}
        elif choice.get("type") in ("any", "tool"):
            kept = {k: v for k, v in choice.items() if k == "disable_parallel_tool_use"}
            choice = {"type": "auto", **kept}
        params = {**request.params, "messages": moved_on(request.messages)}
        if choice:
            params["tool_choice"] = choice
        return replace(request, params=params)

    def _warn(self, turn: Turn, why: str) -> None:
        run = turn.run
        about = {"run": run.id, "request_id": run.request_id, "why": why}
        log.warning("a turn with tools was brought to its end", extra=about)


def _arguments(call: Block) -> Mapping[str, object] | None:
    """Return what a tool is called with as plain JSON; None when it is no object."""
    given = call.get("input")
    if isinstance(given, str):
        return None
    try:
        plain = json.loads(sse.compact(given))
    except (ValueError, TypeError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


async def _stopped(
    tasks: Sequence[asyncio.Future[Block]], calls: Sequence[Block]
) -> Sequence[Block]:
    """Stop the calls that are still at work, and return what all of them came to."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return [_end_of(task, call) for task, call in zip(tasks, calls, strict=True)]


def _end_of(task: asyncio.Future[Block], call: Block) -> Block:
    """Return the result of a call in a turn that was stopped."""
    if not task.cancelled() and task.exception() is None:
        return task.result()
    stopped = {"type": "tool_result", "tool_use_id": call["id"], "content": STOPPED}
    return {**stopped, "is_error": True}
