"""Messages of a session, as clients send and read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from claude_gateway import sse
from claude_gateway.dialects.fields import required, wrong
from claude_gateway.dialects.openai.media import Block
from claude_gateway.dialects.openai.parts import blocks, has_audio, text_blocks
from claude_gateway.dialects.resources.reading import FARTHEST, metadata
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.resources import Message

ROLES = ("user", "assistant", "system")


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What a client adds to a conversation; `content` is JSON. `audio`: some was left out."""

    role: str
    content: bytes
    text: str
    metadata: Mapping[str, object]
    audio: bool


def read(fields: Mapping[str, object]) -> NewMessage:
    """Read a new message. Raises InvalidRequest naming the field that is wrong."""
    role = required(fields, "role", str)
    if role not in ROLES:
        wrong("role", f"must be one of {', '.join(ROLES)}")
    content = fields.get("content")
    said = blocks(content, "content") if role == "user" else text_blocks(content, "content")
    if not said:
        code = "missing_field" if content is None else "invalid_value"
        wrong("content", "must be a text, or parts, with something in it", code=code)
    for block in said:
        block.pop("cache_control", None)  # about one request, not about what is kept
    return NewMessage(
        role,
        orjson.dumps(content if isinstance(content, str) else said),
        text_of(role, said),
        metadata(fields, "message_metadata") or {},
        has_audio(content),
    )


def text_of(role: str, content: Sequence[Block]) -> str:
    """Return what a person reads. An assistant's text may be cut anywhere, others' has parts."""
    texts = [str(block["text"]) for block in content if block.get("type") == "text"]
    return ("" if role == "assistant" else "\n").join(texts)


def read_after(query: Mapping[str, str]) -> str | int:
    """Read behind which message a list shall begin: its number, or its id; 0 is from the start."""
    given = query.get("after", "")
    if given.isascii() and given.isdigit() and len(given) < len(str(FARTHEST)):
        return int(given)
    return given or 0


def written(message: Message, session_id: str) -> dict[str, object]:
    """A message as clients read it; its blocks are the very JSON that was kept."""
    return {
        "id": message.id,
        "session_id": session_id,
        "role": message.role,
        "content": message.text,
        "token_count": message.token_count,
        "number": message.number,
        "run_id": message.run_id,
        "created_at": moment(message.created_at),
        "message_metadata": orjson.Fragment(sse.compact(message.metadata)),
        "blocks": orjson.Fragment(_blocks(message.content)),
    }


def _blocks(content: bytes) -> bytes:
    """Return content as blocks; a plain string is one of text."""
    if not content.lstrip().startswith(b'"'):
        return content
    return b"[]" if content.strip() == b'""' else b'[{"type":"text","text":%b}]' % content
