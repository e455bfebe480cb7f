"""A whole session as a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from claude_gateway import sse
from claude_gateway.dialects.resources import messages, sessions, tools
from claude_gateway.dialects.resources.reading import LARGEST_LIMIT
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.stores import Store
from claude_gateway.types.resources import Message, Page, Session, ToolExecution
from claude_gateway.types.sharing import Who

FORMATS: Mapping[str, str] = {  # and their media types
    "json": "application/json",
    "jsonl": "application/jsonl",
    "markdown": "text/markdown",
}
SUFFIXES: Mapping[str, str] = {"markdown": "md"}
TICKS = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Record:
    """All that is kept of a session."""

    session: Session
    messages: Sequence[Message]
    executions: Sequence[ToolExecution] = ()


async def record(store: Store, owner: Who, session_id: str) -> Record:
    """Read all that is kept of a session. Raises NotFound."""
    session, conversation = await store.history(owner, session_id)
    executions: list[ToolExecution] = []
    while True:
        window = Page(LARGEST_LIMIT, len(executions))
        listing = await store.list_tool_executions(owner, session_id, window)
        executions += listing.items
        if len(listing.items) < window.limit:
            return Record(session, conversation, executions)


def export(record: Record, form: str) -> bytes:
    """Write a session in one of FORMATS."""
    if form == "jsonl":
        return b"".join(_lines(record))
    if form == "markdown":
        return "\n".join(_paragraphs(record)).encode()
    return sse.compact(
        {
            "session": sessions.written(record.session),
            "tools": tools.choices(record.session),
            "messages": [messages.written(m, record.session.id) for m in record.messages],
            "executions": [tools.written(execution) for execution in record.executions],
        }
    )


def filename(session: Session, form: str) -> str:
    """Name the file; a session's id may hold anything, a file's name should not."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", session.id)[:100].strip("-")
    return f"{safe or 'session'}.{SUFFIXES.get(form, form)}"


def _lines(record: Record) -> Iterator[bytes]:
    """One message a line. A line break inside JSON that was kept is only layout."""
    for message in record.messages:
        line = sse.compact(messages.written(message, record.session.id))
        yield line.replace(b"\r", b"").replace(b"\n", b"") + b"\n"


def _paragraphs(record: Record) -> Iterator[str]:
    session = record.session
    yield f"# {session.title or 'Session'}\n"
    yield f"Model {session.model}, begun {moment(session.created_at)}.\n"
    if session.system_prompt:
        yield f"## System\n\n{session.system_prompt}\n"
    for message in record.messages:
        pieces = list(_pieces(message))
        if pieces:
            yield f"## {message.role.capitalize()}\n"
            yield from pieces


def _pieces(message: Message) -> Iterator[str]:
    """Yield what was said, and a note of what is no text. Thoughts are not for a reader."""
    content = orjson.loads(message.content)
    if not isinstance(content, list):
        yield f"{message.text}\n"
        return
    for block in content:
        kind = block.get("type")
        if kind == "text":
            yield f"{block.get('text', '')}\n"
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            yield f"Called `{block.get('name')}`:\n\n{_fenced(block.get('input'), 'json')}\n"
        elif kind == "tool_result":
            yield f"Result:\n\n{_fenced(_result(block.get('content')))}\n"
        elif kind not in ("thinking", "redacted_thinking"):
            yield f"*[{kind}]*\n"


def _result(content: object) -> object:
    """Return the text of a tool's result, where there is nothing else."""
    if isinstance(content, list) and all(block.get("type") == "text" for block in content):
        return "\n".join(str(block.get("text", "")) for block in content)
    return content


def _fenced(value: object, language: str = "") -> str:
    """Put something into a block of code that it cannot end itself."""
    text = value if isinstance(value, str) else sse.compact(value).decode()
    longest = max((len(found) for found in TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
