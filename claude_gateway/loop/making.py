"""One call of a tool that a model asks for: whoever has a say in it is asked here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.errors import GatewayError
from claude_gateway.loop.approving import Approving
from claude_gateway.loop.asked import Asked
from claude_gateway.toolbox import Choice, Outcome, Toolbox
from claude_gateway.types.tools import ToolCall, ToolResult


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
            return await self._made(asked)
        except GatewayError as exc:  # it could not be kept, so it was not made
            why = f"The call was not made: {exc.message}"
            return refused(asked, why)

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


def refused(asked: Asked, why: str) -> Outcome:
    """Return what a call gives that is not made; `why` is a sentence."""
    return unmade(asked.entry.wire_name, why)


def unmade(name: str, why: str) -> Outcome:
    """Return what the call of a tool gives that is not made."""
    return Outcome(name, ToolResult.failed(why), [{"type": "text", "text": why}], 0.0, 0)
