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
from claude_gateway.loop.caching import moved_on
from claude_gateway.loop.limits import Meter
from claude_gateway.loop.making import Asked, Making, refused, unmade
from claude_gateway.loop.memory import Memory
from claude_gateway.loop.telling import called, came, gave, text_of, usage_of
from claude_gateway.toolbox import Entry, Outcome
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
        self._own = own
        self._tools = tools
        self._making = making
        self._meter = meter
        self._last = False

    def possible(self, request: ModelRequest) -> bool:
        """Any answer may call a tool."""
        return bool(self._own) or PAUSES.possible(request)

    async def following(self, turn: Turn) -> ModelRequest | None:
        """Run what was called, and ask again; None when the turn is over, or the client's."""
        own = [call for call in turn.calls() if call.get("name") in self._own]
        if not own or turn.stop_reasons[-1] != CALLS:
            return await PAUSES.following(turn)
        theirs = len(own) < len(turn.calls())
        if theirs and not self.memory.lasting:
            return None
        if any(_arguments(call) is None for call in own):
            self._warn(turn, "a tool was called with what is no JSON object")
            turn.ends_as = None if theirs else ENDED
            return None
        turn.tell(Activity("usage", usage_of(turn.run, self._meter.cost(turn.run))))
        self._meter.round(turn.run)
        results = await self._answered(turn, own)
        if theirs or self._last:
            turn.ends_as = None if theirs else ENDED
            return None
        return self._asked_again(turn, results)

    async def _answered(self, turn: Turn, calls: Sequence[Block]) -> Sequence[Block]:
        """Run calls side by side, and return their results in the order of the calls."""
        await self.memory.said(turn, [str(call["id"]) for call in calls])
        tasks = [asyncio.ensure_future(self._result(turn, call)) for call in calls]
        try:
            results: Sequence[Block] = await asyncio.gather(*tasks)
        except BaseException:  # most likely nobody wants the answer any more
            await self.memory.heard(turn, await _stopped(tasks, calls))
            raise
        await self.memory.heard(turn, results)
        return results

    async def _result(self, turn: Turn, call: Block) -> Block:
        id_, name = str(call["id"]), str(call["name"])
        entry = self._tools.get(name)
        if entry is None:
            outcome = unmade(name, NOBODYS.format(name=name))
            self.gave[id_] = (text_of(outcome), True)
            return outcome.block(id_)
        left = self._meter.left(turn.run)
        asked = Asked(
            id_,
            entry,
            _arguments(call) or {},
            lambda progress: turn.tell(came(asked, progress), instead=id_),
            None if left is None else max(left, LEAST),
        )
        turn.tell(called(asked))
        outcome = await self._outcome(asked)
        self.gave[asked.id] = (text_of(outcome), outcome.result.is_error)
        turn.tell(gave(asked, outcome))
        return outcome.block(asked.id)

    async def _outcome(self, asked: Asked) -> Outcome:
        why = self._meter.exceeded
        if self._last:
            why = "This call was not made."
        elif not why:
            why = self._meter.again(asked.entry.wire_name, asked.arguments)
        return refused(asked, NO_MORE.format(why=why)) if why else await self._making.make(asked)

    def _asked_again(self, turn: Turn, results: Sequence[Block]) -> ModelRequest:
        """Ask with the results. What was forced is done: from now on the model decides."""
        request = turn.continued({"role": "user", "content": [*results]})
        choice = mapping(request.params.get("tool_choice"))
        if self._meter.full:
            self._last = True
            self._warn(turn, self._meter.exceeded or "a turn has had all its rounds")
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
