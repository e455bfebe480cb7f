"""Content blocks as output items.

A run of text blocks is one message, with a part for each block, so that what goes back next time
is cut as it was; every other block is an item of its own. What OpenAI has no item for is left out.

Thinking is bound to all that stands before it. So behind a block that an item cannot bring back as
it was, the client is given no thinking to keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from claude_gateway import sse
from claude_gateway.dialects.openai.names import client_name
from claude_gateway.dialects.responses.annotations import annotated
from claude_gateway.dialects.responses.thoughts import is_thought, packed
from claude_gateway.dialects.visible import NOBODYS, Owned

Item = dict[str, object]
Block = Mapping[str, object]
DONE, CUT = "completed", "incomplete"
FAILED = "mcp_tool_execution_error"


class OwnTool(NamedTuple):
    """A tool that the gateway runs, by its server's id and its name there."""

    server: str
    name: str


@dataclass(frozen=True, slots=True)
class Client:
    """What an answer's items depend on beside the answer.

    `tail` makes their ids unique; `tool_names` holds the client's names of tools by upstream's,
    where those differ; `thinking` says whether the client keeps the model's thinking, and `sources`
    whether it wants to know what a search found. `own` are tools that the gateway runs, by upstream's
    names, `labels` says which they are, and `gave` is what those that were called gave as text, and whether that is an error, by
    the calls' ids, as far as it has come.
    """

    tail: str
    tool_names: Mapping[str, str] = field(default_factory=dict)
    thinking: bool = False
    sources: bool = False
    own: Owned = NOBODYS
    labels: Mapping[str, OwnTool] = field(default_factory=dict)
    gave: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

    def id(self, prefix: str, index: int) -> str:
        """Name the item at `index`."""
        return f"{prefix}_{self.tail}{index:02}"


def comes_back(block: Block) -> bool:
    """Whether the item of a block is all that there is to it."""
    if block.get("type") == "text":
        return not block.get("citations") and bool(str(block.get("text") or "").strip())
    return is_thought(block) or block.get("type") == "tool_use"


def message(client: Client, index: int, parts: list[Item], status: str = DONE) -> Item:
    """Return what the assistant says."""
    id_ = client.id("msg", index)
    return {"id": id_, "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(block: Block) -> Item:
    """Return a text block as a part."""
    text = block.get("text")
    text = text if isinstance(text, str) else ""
    cited = annotated(block, text)
    return {"type": "output_text", "text": text, "annotations": cited, "logprobs": []}


def refusal_part(why: str) -> Item:
    """Return the part that says why the model refuses."""
    return {"type": "refusal", "refusal": why}


def reasoning(block: Block, client: Client, index: int) -> Item:
    """Return a block of thinking: what may be read of it, and the whole for the client to keep."""
    said = block.get("thinking")
    readable = isinstance(said, str) and said
    return {
        "id": client.id("rs", index),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": said}] if readable else [],
        "encrypted_content": packed([block]) if client.thinking else None,
    }


def call(block: Block, client: Client, index: int, status: str = DONE) -> Item:
    """Return a call; an input that is text is taken as the JSON that it should be."""
    given = block.get("input")
    return {
        "id": client.id("fc", index),
        "type": "function_call",
        "status": status,
        "arguments": given if isinstance(given, str) else sse.compact(given or {}).decode(),
        "call_id": block.get("id"),
        "name": client_name(block, client.tool_names),
    }


def own_call(block: Block, client: Client, index: int, status: str = DONE) -> Item:
    """Return a call that the gateway ran, as OpenAI shows calls of remote tools that it runs.

    One that has given nothing was not made.
    """
    given, name = block.get("input"), str(block.get("name"))
    tool = client.labels.get(name) or OwnTool("", name)
    gave = client.gave.get(str(block.get("id")))
    item: Item = {
        "id": client.id("mcp", index),
        "type": "mcp_call",
        "status": CUT if status == DONE else status,
        "arguments": given if isinstance(given, str) else sse.compact(given or {}).decode(),
        "name": tool.name,
        "server_label": tool.server,
        "approval_request_id": None,
        "output": None,
        "error": None,
    }
    if gave is None:
        return item
    text, is_error = gave
    if not is_error:
        return {**item, "status": DONE, "output": text}
    why = [{"type": "text", "text": text}]
    return {**item, "status": "failed", "error": {"type": FAILED, "content": why}}
