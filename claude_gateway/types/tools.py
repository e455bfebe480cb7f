"""Tools that the server runs: what they are, how one is called, what it gives.

The shapes are those of the Model Context Protocol, with Python's names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from claude_gateway.types.approvals import Approval
from claude_gateway.types.resources import DEFAULT_PROJECT

ServerStatus = Literal["available", "starting", "error", "auth_required", "disabled"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as its server describes it. The schemas are JSON Schema, draft 2020-12.

    `annotations` are MCP's hints (`readOnlyHint` and so on): what a server says of itself, and so
    nothing to rely on.

    `approval` is what the operator wants of calls: `never` a person's approval, `ask` for one before
    each call, unless whoever asks is trusted to do without, or `always`, which nobody can waive.
    """

    name: str
    description: str
    input_schema: Mapping[str, object]
    title: str = ""
    annotations: Mapping[str, object] = field(default_factory=dict)
    output_schema: Mapping[str, object] | None = None
    approval: Approval = "never"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come: `done` of `total`, which is None where nobody knows."""

    done: float
    total: float | None = None
    message: str = ""


def unheard(_progress: Progress) -> None:
    """Nobody listens to the progress of this call."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a tool is called with, and on whose behalf; never with a credential of the caller's.

    `principal` is the id of who asks. `project_path` is the folder of the project that the call
    belongs to, relative to the workspace; "" is the workspace itself. `run_id` is None when no
    model asked for the call. `id` is the call's own, as the model or the gateway named it.
    `progress` may be called any number of times while the tool is at work; it waits for nothing.
    `carried` goes along with the call, to a server that takes it (MCP's `_meta`): W3C's trace context.
    `audited` is the gateway's: whether its arguments are kept in the audit log.
    """

    arguments: Mapping[str, object]
    principal: str
    session_id: str | None = None
    project_id: str = DEFAULT_PROJECT
    project_path: str = ""
    run_id: str | None = None
    id: str = ""
    progress: Callable[[Progress], None] = unheard
    carried: Mapping[str, str] = field(default_factory=dict)
    audited: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave. `content` are MCP's content blocks: text, image, audio, resource, a link.

    `is_error` is a failure of the tool; its content says why, to the model that reads it.
    """

    content: Sequence[Mapping[str, object]]
    structured_content: Mapping[str, object] | None = None
    is_error: bool = False

    @classmethod
    def of(cls, text: str, structured: Mapping[str, object] | None = None) -> ToolResult:
        """Return a result that is text."""
        return cls([{"type": "text", "text": text}], structured)

    @classmethod
    def failed(cls, why: str) -> ToolResult:
        """Return the result of a tool that could not do what it was asked; `why` is a sentence."""
        return cls([{"type": "text", "text": why}], is_error=True)

    @property
    def text(self) -> str:
        """All text in it."""
        texts = [block.get("text") for block in self.content if block.get("type") == "text"]
        return "\n".join(text for text in texts if isinstance(text, str))


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a tool server is doing. `reason` is a sentence for people, free of secrets.

    `starting` may pass by itself. `error` is a server that was wanted and does not work,
    `auth_required` one that waits for somebody to sign in, `disabled` one that nobody wants.
    """

    status: ServerStatus = "available"
    reason: str = ""
