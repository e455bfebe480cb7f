"""What became of one call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from claude_gateway import sse
from claude_gateway.toolbox.entries import Entry
from claude_gateway.toolbox.showing import Block
from claude_gateway.types.resources import ToolExecution
from claude_gateway.types.tools import ToolCall, ToolResult
from claude_gateway.types.watching import ToolEnd, ToolOutcome

LONGEST_REASON = 1000  # characters of an error that a list shows


BUSY = "Too many of your calls are under way already; wait until one has ended."


class Course:
    """What has become of a call so far: a call that is cancelled never gets a result."""

    __slots__ = ("_result", "busy", "entry", "refused")

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.refused = self.busy = False
        self._result: ToolResult | None = None

    @property
    def over(self) -> bool:
        """Whether there is a result."""
        return self._result is not None

    @property
    def result(self) -> ToolResult:
        """What it gave, or why not."""
        return self._result or ToolResult.failed("The call was cancelled.")

    def end(self, result: ToolResult) -> None:
        """The tool was called."""
        self._result = result

    def refuse(self, why: str, *, busy: bool = False) -> None:
        """The tool was not called."""
        self._result, self.refused, self.busy = ToolResult.failed(why), True, busy

    def told(self, seconds: float) -> ToolEnd:
        """Return what observers are told of it."""
        outcome: ToolOutcome = "failed" if self.result.is_error else "completed"
        if self.refused:
            outcome = "refused"
        elif not self.over:
            outcome = "cancelled"
        if self.entry is None:
            return ToolEnd("unknown", "unknown", outcome, seconds)
        return ToolEnd(self.entry.server, self.entry.tool.name, outcome, seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that is over. `result` is whole, `shown` is what a model is given of it.

    `entry` is None when there was no such tool, or none that might be used. `began` is in seconds
    since 1970. `busy` is a call that was not made, because its caller has too many under way.
    """

    wire_name: str
    result: ToolResult
    shown: Sequence[Block]
    began: float
    duration_ms: int
    entry: Entry | None = None
    busy: bool = False

    def block(self, tool_use_id: str) -> Block:
        """Return the block that answers the model's call."""
        block: Block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": [*self.shown]}
        return {**block, "is_error": True} if self.result.is_error else block

    def ended(self, execution: ToolExecution) -> ToolExecution:
        """Return what is kept of the call from now on, the whole result included."""
        result = self.result
        output = {
            "content": result.content,
            "structured_content": result.structured_content,
            "is_error": result.is_error,
        }
        return replace(
            execution,
            output=sse.compact(output),
            status="failed" if result.is_error else "completed",
            error_message=result.text[:LONGEST_REASON] if result.is_error else None,
            execution_time_ms=self.duration_ms,
            completed_at=self.began + self.duration_ms / 1000,
        )


def begun(id_: str, session_id: str, entry: Entry, call: ToolCall) -> ToolExecution:
    """Return what is kept of a call that is about to be made."""
    return ToolExecution(
        id=id_,
        session_id=session_id,
        run_id=call.run_id,
        tool_name=entry.tool.name,
        server=entry.server,
        input_params=sse.compact(call.arguments),
        status="running",
        created_at=time.time(),
    )
