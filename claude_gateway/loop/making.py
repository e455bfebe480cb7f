"""One call of a tool that a model asks for: whoever has a say in it is asked here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.errors import GatewayError
from claude_gateway.loop.approving import Approving
from claude_gateway.loop.asking import Asked, refused
from claude_gateway.loop.finding import stands_in, stood_in
from claude_gateway.redaction import redacted
from claude_gateway.toolbox import Choice, Outcome, Toolbox
from claude_gateway.toolbox.choices import session_choice
from claude_gateway.types.tools import ToolCall

NOT_THIS_WAY = "This call was not made: it needs a person's approval, and a call of call_tools cannot wait for one."


@dataclass(frozen=True, slots=True)
class Making:
    """Makes the calls of one turn, if `choices` (and the session) still allow them.

    `on_behalf` says for whom; `folder` finds the project's, `kept` keeps each call in the session, and
    `new_id` names what is kept. `approving` knows which calls a person has to agree to.
    """

    toolbox: Toolbox
    choices: Sequence[Choice]
    on_behalf: ToolCall
    folder: Callable[[], Awaitable[str]]
    kept: KeptCalls | None
    new_id: Callable[[], str]
    approving: Approving

    async def make(self, asked: Asked) -> Outcome:
        """Make one call. Whatever goes wrong is a result that the model can read."""
        try:
            if stands_in(asked.entry):
                return await self._stood_in(asked)
            return await self._made(asked)
        except GatewayError as exc:  # it could not be kept, so it was not made
            why = f"The call was not made: {redacted(exc.message)}"
            return refused(asked, why)

    async def _stood_in(self, asked: Asked) -> Outcome:
        """Find or call tools that the model was not told of, whatever there is of them now."""
        began, clock = time.time(), time.monotonic()
        session = await self.approving.session()
        own = () if session is None else (session_choice(session),)
        entries = await self.toolbox.entries(*self.choices, *own)
        hidden = {entry.wire_name: entry for entry in entries}
        result = await stood_in(asked, hidden, self._found)
        took = round((time.monotonic() - clock) * 1000)
        name, blocks = asked.entry.wire_name, self.toolbox.shown(result)
        return Outcome(name, result, blocks, began, took, asked.entry)

    async def _found(self, asked: Asked) -> Outcome:
        """Make a call inside another one, which cannot wait for anybody."""
        if await self.approving.needed([asked]):
            return refused(asked, NOT_THIS_WAY)
        return await self.make(asked)

    async def _made(self, asked: Asked) -> Outcome:
        call = replace(
            self.on_behalf,
            arguments=asked.arguments,
            id=asked.id,
            project_path=await self.folder(),
            progress=asked.progress,
        )
        if self.kept is not None:
            return await self.kept.call(
                self.new_id(), asked.entry, call, *self.choices, timeout=asked.seconds
            )
        return await self.toolbox.call(
            asked.entry.wire_name, call, *self.choices, timeout=asked.seconds
        )
