"""Calls of tools in a session: kept before they are made, so that none that did something is missing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from claude_gateway.conversations.lasting import uninterrupted
from claude_gateway.errors import GatewayError
from claude_gateway.stores import Store
from claude_gateway.toolbox import Choice, Entry, Outcome, Toolbox
from claude_gateway.toolbox.choices import session_choice
from claude_gateway.toolbox.outcomes import begun
from claude_gateway.types.resources import ToolExecution, stopped
from claude_gateway.types.tools import ToolCall

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptCalls:
    """Makes calls of one session, and keeps each as an execution."""

    store: Store
    toolbox: Toolbox
    owner: str
    session_id: str

    async def call(
        self,
        id_: str,
        entry: Entry,
        call: ToolCall,
        *choices: Choice,
        timeout: float | None = None,
    ) -> Outcome:
        """Call a tool that `choices` and the session, as it is now, allow.

        `id_` is the execution's, `timeout` in seconds. Raises NotFound when there is no session any more, and what else
        the store raises when the call cannot be kept: then it was not made.
        """
        session = await self.store.get_session(self.owner, self.session_id)
        call = replace(call, audited=call.audited or session.audit_log)
        execution = begun(id_, self.session_id, entry, call)
        await self.store.add_tool_executions(self.owner, [execution])
        try:
            outcome = await self.toolbox.call(
                entry.wire_name, call, session_choice(session), *choices, timeout=timeout
            )
        except asyncio.CancelledError:
            await uninterrupted(self._end(stopped(execution)))
            raise
        await uninterrupted(self._end(outcome.ended(execution)))
        return outcome

    async def _end(self, execution: ToolExecution) -> None:
        """Keep the end. The tool has done its work: a store that fails now takes nothing back."""
        try:
            await self.store.add_tool_executions(self.owner, [execution])
        except GatewayError as exc:
            log.warning(
                "the end of a tool's execution was not kept",
                extra={"execution": execution.id, "error": exc.code},
            )
